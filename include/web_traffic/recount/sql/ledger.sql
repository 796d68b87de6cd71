-- The ledger of batches, in the order in which queries and their batches were committed; times in microseconds since
-- the epoch. A query that was killed before its checkpoint was registered gets the window length of the first one.
WITH earliest AS (SELECT fingerprint FROM etl.checkpoint ORDER BY registered_at LIMIT 1)

SELECT
    b.query_id::text,
    b.batch_id,
    b.start_offsets,
    b.end_offsets,
    (extract(EPOCH FROM b.watermark) * 1000000)::bigint AS watermark_us,
    (extract(EPOCH FROM b.planned_at) * 1000000)::bigint AS planned_us,
    (extract(EPOCH FROM (coalesce(c.fingerprint, e.fingerprint) ->> 'window')::interval) * 1000000)::bigint AS window_us,
    b.read,
    b.rejected,
    b.future,
    (extract(EPOCH FROM b.max_clock_skew) * 1000000)::bigint AS max_clock_skew_us,
    b.run_id,
    b.gap,
    c.fingerprint ->> 'topic id' AS topic_id
FROM etl.batch AS b
LEFT JOIN etl.checkpoint AS c ON b.query_id = c.query_id
LEFT JOIN earliest AS e ON TRUE
ORDER BY min(b.committed_at) OVER (PARTITION BY b.query_id), b.query_id, b.batch_id;
