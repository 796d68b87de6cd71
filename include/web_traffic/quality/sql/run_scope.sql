-- The newest live run that has ended, and the windows to check: those that runs have closed since the last run that was checked before it.
-- The first check is about all windows. No window was closed yet: since and until are NULL.
WITH sealed AS (
    SELECT run_id, sealed_until FROM etl.run WHERE kind = 'live' AND status = 'succeeded' AND sealed_until > '-infinity'
),

newest AS (SELECT run_id, sealed_until FROM sealed ORDER BY run_id DESC LIMIT 1),

before AS (
    SELECT max(s.sealed_until) AS sealed_until
    FROM sealed AS s
    INNER JOIN newest AS n ON s.run_id < n.run_id
    WHERE s.run_id IN (SELECT q.run_id FROM etl.quality_result AS q WHERE q.table_name = 'aggregated_web_traffic')
)

SELECT
    (SELECT max(r.run_id) FROM etl.run AS r WHERE r.kind = 'live' AND r.status <> 'running') AS run_id,
    CASE WHEN n.run_id IS NOT NULL THEN coalesce(b.sealed_until, '1970-01-01 00:00Z') END AS since,
    n.sealed_until AS until
FROM before AS b
LEFT JOIN newest AS n ON TRUE;
