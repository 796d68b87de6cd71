-- Offsets that batches found unread when they were planned, by partition; the largest of each bucket. `at` is in seconds
-- since 1970. A run reads all records that are there, so this is the lag just before it.
SELECT
    extract(EPOCH FROM date_bin(%(bucket)s, b.committed_at, '1970-01-01 00:00Z'))::bigint AS at, -- noqa: RF02
    e.key::integer AS partition,
    max(e.value::bigint - coalesce(b.start_offsets ->> e.key, '0')::bigint) AS lag
FROM etl.batch AS b
CROSS JOIN LATERAL jsonb_each_text(b.end_offsets) AS e
WHERE
    b.committed_at >= %(range_start)s AND b.committed_at < %(range_end)s -- noqa: RF02
    AND b.end_offsets <> b.start_offsets
GROUP BY at, partition
ORDER BY at, partition;
