-- Which batches of the live run have read the records between two offsets of each partition, and what was sealed then.
SELECT
    s.query_id,
    e.partition::integer AS partition,
    coalesce((s.start_offsets ->> e.partition)::bigint, 0) AS start_offset,
    e.end_offset::bigint AS end_offset,
    s.sealed_before,
    s.planned_at,
    (extract(EPOCH FROM coalesce(s.max_clock_skew, %(max_clock_skew)s)) * 1000000)::bigint AS skew_us -- noqa: RF02
FROM etl.sealing AS s
CROSS JOIN LATERAL jsonb_each_text(s.end_offsets) AS e (partition, end_offset)
WHERE
    s.fingerprint ->> 'topic id' = %(topic_id)s -- noqa: RF02
    AND e.end_offset::bigint > (%(start_offsets)s::jsonb ->> e.partition)::bigint -- noqa: RF02
    AND coalesce((s.start_offsets ->> e.partition)::bigint, 0) < least(
        e.end_offset::bigint, (%(end_offsets)s::jsonb ->> e.partition)::bigint -- noqa: RF02
    );
