-- The offsets of records that were rejected before a batch was planned, from the batch's first offsets on.
SELECT s.partition, array_agg(r.record_offset) AS record_offsets
FROM unnest(cast(%(partitions)s AS integer[]), cast(%(offsets)s AS bigint[])) AS s (partition, first_offset)
INNER JOIN etl.rejected_event AS r ON s.partition = r.partition AND s.first_offset <= r.record_offset
WHERE r.topic_id = %(topic_id)s AND r.rejected_at < coalesce(cast(%(planned_at)s AS timestamptz), 'infinity')
GROUP BY s.partition;
