-- The high-water mark, the newest batch in the ledger, and the newest restatement, whose turn it is. Run under the
-- pipeline's row lock.
WITH batch AS (SELECT * FROM etl.batch ORDER BY committed_at DESC, batch_id DESC LIMIT 1),

restatement AS (SELECT * FROM etl.run WHERE kind = 'restate' ORDER BY run_id DESC LIMIT 1)

SELECT
    nullif(p.sealed_until, '-infinity') AS sealed_until,
    b.query_id,
    b.batch_id,
    r.run_id,
    r.name,
    r.started_at
FROM etl.pipeline AS p
CROSS JOIN restatement AS r
LEFT JOIN batch AS b ON true
WHERE p.name = 'web_traffic';
