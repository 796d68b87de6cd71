-- The batches that can have read records of a window: those of the query that closed it first, up to the closing one.
-- An event is never further ahead of its batch's planned_at than the skew allows.
WITH about AS (
    SELECT
        %(window_end)s::timestamptz AS window_end,
        %(window_start)s::timestamptz AS window_start,
        %(skew)s::interval AS skew
),

closing AS MATERIALIZED (
    SELECT b.query_id, b.batch_id
    FROM etl.batch AS b
    WHERE b.sealed_before < %(window_end)s::timestamptz AND b.watermark >= %(window_end)s::timestamptz
    ORDER BY b.sealed_before DESC
    LIMIT 1
),

last_before AS MATERIALIZED (
    SELECT b.batch_id
    FROM closing AS c
    CROSS JOIN about AS a
    CROSS JOIN LATERAL (
        SELECT b.batch_id FROM etl.batch AS b
        WHERE
            b.query_id = c.query_id AND b.batch_id <= c.batch_id
            AND b.planned_at < a.window_start - greatest(a.skew, (SELECT max(m.max_clock_skew) FROM etl.batch AS m))
        ORDER BY b.batch_id DESC
        LIMIT 1
    ) AS b
)

SELECT
    b.query_id::text AS query_id,
    b.batch_id,
    b.start_offsets,
    b.end_offsets,
    (extract(EPOCH FROM b.watermark) * 1000000)::bigint AS watermark_us,
    (extract(EPOCH FROM b.planned_at) * 1000000)::bigint AS planned_us,
    (extract(EPOCH FROM (made.fingerprint ->> 'window')::interval) * 1000000)::bigint AS window_us,
    b.read,
    b.rejected,
    b.future,
    (extract(EPOCH FROM b.max_clock_skew) * 1000000)::bigint AS max_clock_skew_us,
    b.oldest_kafka_ms
FROM etl.batch AS b
INNER JOIN closing AS c
    ON
        b.query_id = c.query_id
        AND b.batch_id BETWEEN coalesce((SELECT last_before.batch_id FROM last_before), -1) + 1 AND c.batch_id
LEFT JOIN etl.checkpoint AS made ON b.query_id = made.query_id
INNER JOIN about AS a ON b.planned_at >= a.window_start - coalesce(b.max_clock_skew, a.skew)
ORDER BY b.batch_id;
