-- The ledger's row of the batch, if it is in the result table. Run under the pipeline's row lock.
SELECT start_offsets, end_offsets FROM etl.batch WHERE query_id = %(query_id)s AND batch_id = %(batch_id)s;
