-- Find the ledger's rows of a batch and of the batch before it. A batch without a row is not in the result table.
-- Run under the pipeline's row lock.
SELECT batch_id, start_offsets, end_offsets
FROM etl.batch
WHERE query_id = %(query_id)s AND batch_id BETWEEN %(batch_id)s - 1 AND %(batch_id)s;
