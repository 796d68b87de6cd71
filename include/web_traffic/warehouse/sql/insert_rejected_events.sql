-- Insert a chunk of rejected records. Records that are already in the table stay as they are.
INSERT INTO etl.rejected_event (topic_id, topic, partition, record_offset, kafka_timestamp, reason, value)
SELECT
    %(topic_id)s,
    %(topic)s,
    r.partition,
    r.record_offset,
    r.kafka_timestamp,
    r.reason,
    r.value
FROM
    unnest(
        cast(%(partition_column)s AS integer[]),
        cast(%(offset_column)s AS bigint[]),
        cast(%(timestamp_column)s AS timestamptz[]),
        cast(%(reason_column)s AS text[]),
        cast(%(value_column)s AS bytea[])
    ) AS r (partition, record_offset, kafka_timestamp, reason, value)
ON CONFLICT DO NOTHING;
