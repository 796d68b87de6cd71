-- The newest batches of a query, newest first.
SELECT batch_id, planned_at, start_offsets, end_offsets
FROM etl.batch
WHERE query_id = %(query_id)s
ORDER BY batch_id DESC
LIMIT %(most)s;
