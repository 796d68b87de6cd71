-- The query of the newest batch in the ledger, and the open hits after that batch (NULL if its books are not closed).
WITH newest AS (
    SELECT b.query_id, b.batch_id, b.end_offsets
    FROM etl.batch AS b
    ORDER BY b.run_id DESC, b.batch_id DESC
    LIMIT 1
),

books AS (
    SELECT r.query_id, r.last_batch, r.open_after
    FROM etl.run AS r
    WHERE r.kind = 'live' AND r.status = 'succeeded' AND r.last_batch IS NOT NULL
    ORDER BY r.run_id DESC
    LIMIT 1
)

SELECT n.query_id, b.open_after
FROM newest AS n
LEFT JOIN books AS b ON n.query_id = b.query_id AND n.batch_id = b.last_batch;
