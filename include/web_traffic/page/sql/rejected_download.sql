-- Events that were rejected in the range, oldest first, for one reason or (if it is empty) for any, with whole values.
SELECT
    topic_id,
    partition,
    record_offset,
    reason,
    kafka_timestamp,
    value,
    rejected_at,
    redrive_id IS NOT NULL AS is_taken
FROM etl.rejected_event
WHERE
    rejected_at >= %(range_start)s AND rejected_at < %(range_end)s
    AND (%(reason)s = '' OR reason = %(reason)s)
ORDER BY rejected_at, topic_id, partition, record_offset;
