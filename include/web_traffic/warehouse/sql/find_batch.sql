-- Is the batch in the ledger, and so in the result table? Run under the pipeline's row lock.
SELECT true FROM etl.batch WHERE query_id = %(query_id)s AND batch_id = %(batch_id)s;
