-- The last batch of a query in closed books, and the hits in open windows after that batch.
SELECT last_batch, open_after FROM etl.run
WHERE query_id = %(query_id)s AND last_batch IS NOT NULL AND status = 'succeeded'
ORDER BY last_batch DESC
LIMIT 1;
