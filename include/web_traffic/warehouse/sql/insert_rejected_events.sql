-- Insert a chunk of rejected records. Records that are already in the table stay as they are. When the values in the
-- table are as large as they may be, further ones are not kept.
WITH entered AS (
    INSERT INTO etl.rejected_event (topic_id, topic, partition, record_offset, kafka_timestamp, reason, value)
    SELECT
        %(topic_id)s,
        %(topic)s,
        r.partition,
        r.record_offset,
        r.kafka_timestamp,
        r.reason,
        CASE WHEN kept.bytes < %(most_bytes)s THEN r.value END AS value
    FROM
        unnest(
            cast(%(partition_column)s AS integer[]),
            cast(%(offset_column)s AS bigint[]),
            cast(%(timestamp_column)s AS timestamptz[]),
            cast(%(reason_column)s AS text[]),
            cast(%(value_column)s AS bytea[])
        ) AS r (partition, record_offset, kafka_timestamp, reason, value)
    CROSS JOIN etl.rejected_size AS kept
    ON CONFLICT DO NOTHING
    RETURNING octet_length(value) AS bytes
)

UPDATE etl.rejected_size AS kept
SET bytes = kept.bytes + added.bytes
FROM (SELECT sum(entered.bytes) AS bytes FROM entered) AS added
WHERE added.bytes > 0;
