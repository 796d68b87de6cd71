-- What quality checks have found, and the incidents of which people are told.

CREATE TABLE etl.quality_result (
    result_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    checked_at timestamptz NOT NULL DEFAULT now(),
    run_name text NOT NULL,
    run_id bigint REFERENCES etl.run,
    since timestamptz,
    until timestamptz,
    table_name text NOT NULL,
    rule text NOT NULL,
    dimension text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warn', 'error')),
    status text NOT NULL CHECK (status IN ('passed', 'warned', 'failed', 'nothing to check')),
    condition text NOT NULL,
    observed double precision,
    checked bigint NOT NULL,
    offenders bigint NOT NULL,
    sample jsonb NOT NULL
);
COMMENT ON TABLE etl.quality_result IS 'One row per check of a quality rule; the rows of a run are written together';
COMMENT ON COLUMN etl.quality_result.result_id IS 'Number of the result';
COMMENT ON COLUMN etl.quality_result.checked_at IS 'When it was checked; the same for all rules of a check';
COMMENT ON COLUMN etl.quality_result.run_name IS 'Run that has checked: under Airflow the run id of the DAG run';
COMMENT ON COLUMN etl.quality_result.run_id IS 'Newest run of the Spark application at that time; NULL if there was none, or for other tables';
COMMENT ON COLUMN etl.quality_result.since IS 'The check was about windows that end after this; NULL if about none';
COMMENT ON COLUMN etl.quality_result.until IS 'The check was about windows that end at this or earlier; NULL if about none';
COMMENT ON COLUMN etl.quality_result.table_name IS 'Table that was checked';
COMMENT ON COLUMN etl.quality_result.rule IS 'Name of the rule';
COMMENT ON COLUMN etl.quality_result.dimension IS 'completeness, uniqueness, validity, freshness, volume or consistency';
COMMENT ON COLUMN etl.quality_result.severity IS 'warn: offenders are a warning; error: they fail the run';
COMMENT ON COLUMN etl.quality_result.status IS 'passed, warned, failed, or nothing to check when the rule found nothing to look at';
COMMENT ON COLUMN etl.quality_result.condition IS 'What the rule expects, in words';
COMMENT ON COLUMN etl.quality_result.observed IS 'Figure that the rule measures; the number of offenders if it measures none; NULL if there was nothing to check';
COMMENT ON COLUMN etl.quality_result.checked IS 'Number of things that the rule looked at';
COMMENT ON COLUMN etl.quality_result.offenders IS 'How many of them break the rule';
COMMENT ON COLUMN etl.quality_result.sample IS 'The first few offenders';

CREATE INDEX quality_result_history ON etl.quality_result (table_name, rule, checked_at);
CREATE INDEX quality_result_by_run ON etl.quality_result (run_id) WHERE run_id IS NOT NULL;

GRANT SELECT ON etl.quality_result TO web_traffic_writer, web_traffic_reader;
GRANT INSERT ON etl.quality_result TO web_traffic_writer;
