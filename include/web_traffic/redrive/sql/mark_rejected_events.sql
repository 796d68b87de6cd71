-- Let a redrive take rejected events, with the values that it sends instead of the original ones.
UPDATE etl.rejected_event AS r
SET redrive_id = %(redrive_id)s, repaired_value = p.repaired_value
FROM
    unnest(
        cast(%(topic_ids)s AS text[]),
        cast(%(partitions)s AS integer[]),
        cast(%(offsets)s AS bigint[]),
        cast(%(repaired_values)s AS bytea[])
    ) AS p (topic_id, partition, record_offset, repaired_value)
WHERE
    r.topic_id = p.topic_id AND r.partition = p.partition AND r.record_offset = p.record_offset AND r.redrive_id IS NULL;
