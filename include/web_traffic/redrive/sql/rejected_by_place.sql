-- Rejected events by their places in a topic, and whether a redrive has taken them.
SELECT
    r.topic_id,
    r.partition,
    r.record_offset,
    r.reason,
    r.kafka_timestamp,
    r.value,
    r.rejected_at,
    r.redrive_id IS NOT NULL AS is_taken
FROM etl.rejected_event AS r
INNER JOIN
    unnest(
        cast(%(topic_ids)s AS text[]), cast(%(partitions)s AS integer[]), cast(%(offsets)s AS bigint[])
    ) AS p (topic_id, partition, record_offset)
    ON r.topic_id = p.topic_id AND r.partition = p.partition AND r.record_offset = p.record_offset;
