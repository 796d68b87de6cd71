-- Hits in open windows after a batch, when a run ended with that batch and so has counted them.
SELECT open_after FROM etl.run
WHERE query_id = %(query_id)s AND last_batch = %(batch_id)s AND status = 'succeeded'
ORDER BY run_id DESC
LIMIT 1;
