-- When records of the topic were rejected, from the first offsets of its partitions on.
SELECT r.partition, r.record_offset, (extract(EPOCH FROM r.rejected_at) * 1000000)::bigint AS rejected_us
FROM unnest(cast(%(partitions)s AS integer[]), cast(%(offsets)s AS bigint[])) AS s (partition, first_offset)
INNER JOIN etl.rejected_event AS r ON s.partition = r.partition AND s.first_offset <= r.record_offset
WHERE r.topic_id = %(topic_id)s;
