-- The next page of selected rejected events that no redrive has taken, oldest first. The page has a
-- limit of events and of bytes, but at least one event.
WITH page AS (
    SELECT
        r.topic_id,
        r.partition,
        r.record_offset,
        r.reason,
        r.kafka_timestamp,
        r.value,
        r.rejected_at
    FROM etl.rejected_event AS r
    WHERE
        r.redrive_id IS NULL
        AND (cardinality(cast(%(reasons)s AS text[])) = 0 OR r.reason = any(cast(%(reasons)s AS text[])))
        AND r.rejected_at >= %(since)s
        AND r.rejected_at < %(until)s
        AND (r.rejected_at, r.topic_id, r.partition, r.record_offset)
        > (cast(%(after_time)s AS timestamptz), %(after_topic)s, %(after_partition)s, %(after_offset)s)
    ORDER BY r.rejected_at, r.topic_id, r.partition, r.record_offset
    LIMIT %(events)s
),

measured AS (
    SELECT
        page.*,
        row_number() OVER in_order AS number,
        sum(coalesce(octet_length(page.value), 0)) OVER in_order AS bytes
    FROM page
    WINDOW in_order AS (ORDER BY page.rejected_at, page.topic_id, page.partition, page.record_offset)
)

SELECT topic_id, partition, record_offset, reason, kafka_timestamp, value, rejected_at, FALSE AS is_taken
FROM measured
WHERE bytes <= %(bytes)s OR number = 1
ORDER BY rejected_at, topic_id, partition, record_offset;
