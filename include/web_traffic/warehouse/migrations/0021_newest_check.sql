-- The newest check of a live run's rows has one home: the page, the metrics and the watchdog ask for it.

CREATE VIEW etl.newest_check AS
WITH newest AS (
    SELECT q.result_id, q.checked_at, q.run_name
    FROM etl.quality_result AS q
    LEFT JOIN etl.run AS r ON q.run_id = r.run_id
    WHERE q.table_name = 'aggregated_web_traffic' AND r.kind IS DISTINCT FROM 'restate'
    ORDER BY q.result_id DESC
    LIMIT 1
)

SELECT q.checked_at, q.run_name, q.rule, q.severity, q.status, q.offenders, q.observed, q.unit
FROM newest AS n
INNER JOIN etl.quality_result AS q
    ON
        q.result_id BETWEEN n.result_id - 1000 AND n.result_id -- the results of a check stand together
        AND n.checked_at = q.checked_at AND n.run_name = q.run_name AND q.table_name = 'aggregated_web_traffic';
COMMENT ON VIEW etl.newest_check IS 'Results of the newest quality check of a live run';
COMMENT ON COLUMN etl.newest_check.checked_at IS 'As in etl.quality_result';
COMMENT ON COLUMN etl.newest_check.run_name IS 'As in etl.quality_result';
COMMENT ON COLUMN etl.newest_check.rule IS 'As in etl.quality_result';
COMMENT ON COLUMN etl.newest_check.severity IS 'As in etl.quality_result';
COMMENT ON COLUMN etl.newest_check.status IS 'As in etl.quality_result';
COMMENT ON COLUMN etl.newest_check.offenders IS 'As in etl.quality_result';
COMMENT ON COLUMN etl.newest_check.observed IS 'As in etl.quality_result';
COMMENT ON COLUMN etl.newest_check.unit IS 'As in etl.quality_result';

GRANT SELECT ON etl.newest_check TO web_traffic_writer, web_traffic_reader;
