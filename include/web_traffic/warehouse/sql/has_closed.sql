-- Whether closed books have a batch: one row if they do.
SELECT 1 FROM etl.run WHERE query_id = %(query_id)s AND last_batch >= %(batch_id)s AND status = 'succeeded' LIMIT 1; -- noqa: AM09
