-- The newest live run, and the newest batch in the ledger: by these the gate knows whether Spark has work to do.
WITH newest_run AS (
    SELECT
        run_id,
        status = 'succeeded' AS is_closed,
        query_id,
        left_work
    FROM etl.run
    WHERE kind = 'live'
    ORDER BY run_id DESC
    LIMIT 1
),

newest_batch AS (
    SELECT
        query_id,
        batch_id,
        end_offsets,
        watermark
    FROM etl.batch
    ORDER BY run_id DESC, batch_id DESC
    LIMIT 1
)

SELECT
    r.run_id,
    r.is_closed,
    r.query_id,
    r.left_work,
    b.query_id AS batch_query_id,
    b.batch_id,
    b.end_offsets,
    b.watermark,
    coalesce(
        (SELECT max(c.last_batch) FROM etl.run AS c WHERE c.query_id = b.query_id AND c.status = 'succeeded') >= b.batch_id,
        FALSE
    ) AS is_in_books
FROM newest_run AS r
LEFT JOIN newest_batch AS b ON TRUE;
