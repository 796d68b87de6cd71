-- The newest result of each rule in the range, with the outcomes of its last checks, oldest first.
WITH checks AS (
    SELECT
        result_id,
        table_name,
        rule,
        checked_at,
        run_name,
        status,
        row_number() OVER (PARTITION BY table_name, rule ORDER BY checked_at DESC, result_id DESC) AS age
    FROM etl.quality_result
    WHERE checked_at >= %(range_start)s AND checked_at < %(range_end)s
),

histories AS (
    SELECT
        min(result_id) FILTER (WHERE age = 1) AS result_id,
        jsonb_agg(jsonb_build_object('at', checked_at, 'run_name', run_name, 'status', status) ORDER BY age DESC) AS history
    FROM checks
    WHERE age <= %(checks)s
    GROUP BY table_name, rule
)

SELECT
    q.table_name,
    q.rule,
    q.dimension,
    q.severity,
    q.status,
    q.condition,
    q.checked_at,
    q.run_name,
    q.observed,
    q.unit,
    q.checked,
    q.offenders,
    q.sample,
    h.history
FROM histories AS h
INNER JOIN etl.quality_result AS q ON h.result_id = q.result_id
ORDER BY q.table_name, q.result_id;
