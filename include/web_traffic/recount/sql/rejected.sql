-- When records of the topic were rejected, between two offsets of each partition. Version 0.1.0 read fewer forms
-- of event_time. What it rejected for its time stays rejected, in its own batch too: it gets the time 0.
SELECT
    r.partition,
    r.record_offset,
    CASE
        WHEN r.reason = 'event_time not RFC 3339' AND r.rejected_at < m.applied_at THEN 0
        ELSE (extract(EPOCH FROM r.rejected_at) * 1000000)::bigint
    END AS rejected_us
FROM
    unnest(
        cast(%(partitions)s AS integer[]), cast(%(first_offsets)s AS bigint[]), cast(%(end_offsets)s AS bigint[]) -- noqa: RF02
    ) AS s (partition, first_offset, end_offset)
INNER JOIN etl.rejected_event AS r
    ON s.partition = r.partition AND s.first_offset <= r.record_offset AND s.end_offset > r.record_offset
LEFT JOIN etl.migration AS m ON m.name = '0010_kafka_times'
WHERE r.topic_id = %(topic_id)s; -- noqa: RF02
