-- Release the offsets of rejected records that Kafka has lost: new records get these offsets.
UPDATE etl.rejected_event AS r SET topic_id = %(topic_id)s || '~' || %(run_id)s
FROM unnest(cast(%(partitions)s AS integer[]), cast(%(offsets)s AS bigint[])) AS s (partition, first_offset)
WHERE r.topic_id = %(topic_id)s AND s.partition = r.partition AND s.first_offset <= r.record_offset; -- noqa: RF02
