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

CREATE TABLE etl.alert (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('warning', 'error')),
    title text NOT NULL,
    error text NOT NULL,
    next_step text NOT NULL,
    run_name text,
    links jsonb NOT NULL,
    books jsonb,
    failure_ids text[] NOT NULL,
    failures integer NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    resolved_at timestamptz,
    channels text[] NOT NULL,
    unsent text[] NOT NULL
);
COMMENT ON TABLE etl.alert IS 'Incidents, and the messages about them that are still to be sent: one when it begins, one when it is over';
COMMENT ON COLUMN etl.alert.alert_id IS 'Number of the incident';
COMMENT ON COLUMN etl.alert.key IS 'What it is about, such as web_traffic/aggregate; one incident of a key is open at a time';
COMMENT ON COLUMN etl.alert.severity IS 'error, or warning when nothing has failed';
COMMENT ON COLUMN etl.alert.title IS 'What has happened, in a few words';
COMMENT ON COLUMN etl.alert.error IS 'First line of the newest error, without passwords and event contents';
COMMENT ON COLUMN etl.alert.next_step IS 'What a person can do about it';
COMMENT ON COLUMN etl.alert.run_name IS 'Newest run that has failed: under Airflow the run id of the DAG run';
COMMENT ON COLUMN etl.alert.links IS 'Where to look: address by name';
COMMENT ON COLUMN etl.alert.books IS 'The books of that run, as far as they were known';
COMMENT ON COLUMN etl.alert.failure_ids IS 'The failures (run and attempt), so that each counts once, whoever reports it and whenever';
COMMENT ON COLUMN etl.alert.failures IS 'How many failures make up the incident';
COMMENT ON COLUMN etl.alert.first_at IS 'When it began';
COMMENT ON COLUMN etl.alert.last_at IS 'When it was seen last';
COMMENT ON COLUMN etl.alert.resolved_at IS 'When it was over; NULL while it is open';
COMMENT ON COLUMN etl.alert.channels IS 'Channels that are told of it';
COMMENT ON COLUMN etl.alert.unsent IS 'Messages that were not sent yet: opened or recovered, a space, the channel';

CREATE UNIQUE INDEX alert_open ON etl.alert (key) WHERE resolved_at IS NULL;
CREATE INDEX alert_unsent ON etl.alert (alert_id) WHERE cardinality(unsent) > 0;

GRANT SELECT ON etl.alert TO web_traffic_writer, web_traffic_reader;
GRANT INSERT, UPDATE ON etl.alert TO web_traffic_writer;
