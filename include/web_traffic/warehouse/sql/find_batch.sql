-- The ledger's rows of the batch, if it is in the result table, and of the one before. Run under the pipeline's row lock.
SELECT batch_id, start_offsets, end_offsets
FROM etl.batch
WHERE query_id = %(query_id)s AND batch_id BETWEEN %(batch_id)s - 1 AND %(batch_id)s;
