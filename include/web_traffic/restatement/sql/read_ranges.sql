-- The batches of the live run that read the records between two offsets of each partition, and sealed_until before
-- each of them.
-- Offsets only grow within a query, so the search goes back from its newest batch to the first one before the records.
-- Records in a gap that was accepted later are not those that the batch read: the log was cut there.
WITH lost AS (
    SELECT
        b.planned_at,
        g.partition,
        int8range((g.ends ->> 0)::bigint, (g.ends ->> 1)::bigint) AS offsets
    FROM etl.batch AS b
    INNER JOIN etl.checkpoint AS c ON b.query_id = c.query_id
    CROSS JOIN LATERAL jsonb_each(b.gap) AS g (partition, ends)
    WHERE b.gap IS NOT NULL AND c.fingerprint ->> 'topic id' = %(topic_id)s -- noqa: RF02
),

queries AS MATERIALIZED (
    SELECT
        c.query_id,
        coalesce(
            (
                SELECT b.batch_id FROM etl.batch AS b
                WHERE
                    b.query_id = c.query_id
                    AND NOT EXISTS (
                        SELECT 1 FROM jsonb_each_text(b.end_offsets) AS e (partition, end_offset)
                        WHERE e.end_offset::bigint > (%(start_offsets)s::jsonb ->> e.partition)::bigint -- noqa: RF02
                    )
                ORDER BY b.batch_id DESC
                LIMIT 1
            ),
            -1
        ) AS ended_before,
        (SELECT max(b.batch_id) FROM etl.batch AS b WHERE b.query_id = c.query_id) AS newest
    FROM etl.checkpoint AS c
    WHERE c.fingerprint ->> 'topic id' = %(topic_id)s -- noqa: RF02
),

readers AS (
    SELECT b.*
    FROM queries AS q
    INNER JOIN etl.batch AS b ON q.query_id = b.query_id AND b.batch_id BETWEEN q.ended_before + 1 AND q.newest
)

SELECT
    s.query_id,
    e.partition::integer AS partition,
    lower(r.offsets) AS start_offset,
    upper(r.offsets) AS end_offset,
    s.sealed_before,
    s.planned_at,
    (extract(EPOCH FROM coalesce(s.max_clock_skew, %(max_clock_skew)s)) * 1000000)::bigint AS skew_us -- noqa: RF02
FROM readers AS s
CROSS JOIN LATERAL jsonb_each_text(s.end_offsets) AS e (partition, end_offset)
CROSS JOIN
    LATERAL unnest(
        int8multirange(int8range(coalesce((s.start_offsets ->> e.partition)::bigint, 0), e.end_offset::bigint))
        - coalesce(
            (
                SELECT range_agg(l.offsets) FROM lost AS l
                WHERE l.partition = e.partition AND l.planned_at > s.planned_at
            ),
            '{}'
        )
    ) AS r (offsets)
WHERE
    e.end_offset::bigint > (%(start_offsets)s::jsonb ->> e.partition)::bigint -- noqa: RF02
    AND coalesce((s.start_offsets ->> e.partition)::bigint, 0) < least(
        e.end_offset::bigint, (%(end_offsets)s::jsonb ->> e.partition)::bigint -- noqa: RF02
    );
