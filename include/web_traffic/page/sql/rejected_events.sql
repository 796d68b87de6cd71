-- Events that were rejected in the range, newest first, for one reason or (if it is empty) for any. The list begins
-- after the last event of the page before, and has only the first bytes of each value.
SELECT
    topic_id,
    topic,
    partition,
    record_offset,
    kafka_timestamp,
    rejected_at,
    reason,
    octet_length(value) AS bytes,
    substring(value FROM 1 FOR %(shown_bytes)s) AS value,
    redriven_at,
    repaired_value IS NOT NULL AS was_repaired
FROM etl.rejected_event
WHERE
    rejected_at >= %(range_start)s
    AND (rejected_at, topic_id, partition, record_offset)
    < (cast(%(before_time)s AS timestamptz), cast(%(before_topic)s AS text), cast(%(before_partition)s AS integer), cast(%(before_offset)s AS bigint))
    AND (%(reason)s = '' OR reason = %(reason)s)
ORDER BY rejected_at DESC, topic_id DESC, partition DESC, record_offset DESC
LIMIT %(listed)s;
