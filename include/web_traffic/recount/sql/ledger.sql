-- The ledger of batches, in the order in which queries and their batches were committed; times in microseconds since
-- the epoch. A query that was killed before its checkpoint was registered gets the window length of the first one.
--
-- Of a query whose first records Kafka has deleted (they lie before first_offsets), the batches begin with the last one
-- of which Kafka holds nothing. Offsets only grow within a query, so the search for it goes back from the newest batch.
WITH RECURSIVE ids AS (
    (SELECT b.query_id FROM etl.batch AS b ORDER BY b.query_id LIMIT 1)
    UNION ALL
    SELECT (SELECT b.query_id FROM etl.batch AS b WHERE b.query_id > ids.query_id ORDER BY b.query_id LIMIT 1)
    FROM ids
    WHERE ids.query_id IS NOT NULL
),

earliest AS (SELECT fingerprint FROM etl.checkpoint ORDER BY registered_at LIMIT 1),

queries AS MATERIALIZED (
    SELECT
        i.query_id,
        begun.committed_at,
        c.fingerprint ->> 'topic id' AS topic_id,
        (extract(EPOCH FROM (coalesce(c.fingerprint, e.fingerprint) ->> 'window')::interval) * 1000000)::bigint AS window_us,
        CASE
            WHEN coalesce(c.fingerprint ->> 'topic id', %(topic_id)s) = %(topic_id)s AND EXISTS ( -- noqa: RF02
                SELECT 1 FROM jsonb_each_text(begun.start_offsets) AS s (partition, first_offset)
                WHERE s.first_offset::bigint < (%(first_offsets)s::jsonb ->> s.partition)::bigint -- noqa: RF02
            ) THEN (
                SELECT b.batch_id FROM etl.batch AS b
                WHERE
                    b.query_id = i.query_id
                    AND NOT EXISTS (
                        SELECT 1 FROM jsonb_each_text(b.end_offsets) AS o (partition, end_offset)
                        WHERE o.end_offset::bigint > (%(first_offsets)s::jsonb ->> o.partition)::bigint -- noqa: RF02
                    )
                ORDER BY b.batch_id DESC
                LIMIT 1
            )
        END AS cut_at
    FROM ids AS i
    CROSS JOIN
        LATERAL (
            SELECT b.committed_at, b.start_offsets FROM etl.batch AS b WHERE b.query_id = i.query_id ORDER BY b.batch_id LIMIT 1
        ) AS begun
    LEFT JOIN etl.checkpoint AS c ON i.query_id = c.query_id
    LEFT JOIN earliest AS e ON TRUE
)

SELECT
    b.query_id::text,
    b.batch_id,
    b.start_offsets,
    b.end_offsets,
    (extract(EPOCH FROM b.watermark) * 1000000)::bigint AS watermark_us,
    (extract(EPOCH FROM b.planned_at) * 1000000)::bigint AS planned_us,
    q.window_us,
    b.read,
    b.rejected,
    b.future,
    (extract(EPOCH FROM b.max_clock_skew) * 1000000)::bigint AS max_clock_skew_us,
    b.run_id,
    b.gap,
    q.topic_id,
    coalesce(q.cut_at = b.batch_id, FALSE) AS is_cut
FROM queries AS q
INNER JOIN etl.batch AS b ON q.query_id = b.query_id AND b.batch_id >= coalesce(q.cut_at, 0)
ORDER BY q.committed_at, b.query_id, b.batch_id;
