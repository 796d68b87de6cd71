-- The newest live run that has ended, and the windows to check: those that were closed since the run that was checked
-- before. The first check covers all windows. While no window is closed, since and until are NULL. Windows that were
-- closed with another length are left out.
WITH sealed AS NOT MATERIALIZED (
    SELECT run_id, sealed_until FROM etl.run WHERE kind = 'live' AND status = 'succeeded' AND sealed_until > '-infinity'
),

newest AS (SELECT run_id, sealed_until FROM sealed ORDER BY run_id DESC LIMIT 1),

before AS (
    SELECT
        (
            SELECT s.sealed_until FROM sealed AS s
            WHERE
                s.run_id < (SELECT n.run_id FROM newest AS n)
                AND EXISTS (SELECT 1 FROM etl.quality_result AS q WHERE q.run_id = s.run_id AND q.table_name = 'aggregated_web_traffic')
            ORDER BY s.run_id DESC
            LIMIT 1
        ) AS sealed_until
),

other_length AS (
    SELECT query_id FROM etl.checkpoint WHERE cast(fingerprint ->> 'window' AS interval) <> %(window_length)s
),

sealed_by_others AS (
    SELECT (SELECT b.watermark FROM etl.batch AS b WHERE b.query_id = o.query_id ORDER BY b.batch_id DESC LIMIT 1) AS sealed_until
    FROM other_length AS o
    UNION ALL
    SELECT r.restate_to AS sealed_until
    FROM other_length AS o
    INNER JOIN etl.run AS r ON o.query_id = r.known_query_id
    WHERE r.closes_idle_windows AND r.status = 'succeeded' AND NOT r.dry_run
)

SELECT
    (SELECT max(r.run_id) FROM etl.run AS r WHERE r.kind = 'live' AND r.status <> 'running') AS run_id,
    CASE WHEN n.run_id IS NOT NULL THEN greatest(b.sealed_until, (SELECT max(o.sealed_until) FROM sealed_by_others AS o), '1970-01-01 00:00Z') END AS since,
    n.sealed_until AS until
FROM before AS b
LEFT JOIN newest AS n ON TRUE;
