-- The batches of a topic, in the order in which they were planned, and whether each may hold events of an interval.
-- An event is at most the clock skew ahead of its batch's clock, and of its Kafka timestamp if that is plausible (2011
-- or later). It counts if its batch accepted it, or if it reached Kafka within the allowed lateness. A batch may hold
-- any event if its Kafka timestamps are not known.
WITH judged AS (
    SELECT
        s.query_id,
        s.batch_id,
        s.start_offsets,
        s.end_offsets,
        s.planned_at,
        s.sealed_before,
        coalesce(s.max_clock_skew, %(max_clock_skew)s) AS max_clock_skew,
        s.read,
        s.newest_kafka_ms,
        s.oldest_kafka_ms IS NOT NULL AND s.oldest_kafka_ms >= %(earliest_ms)s AS is_timed,
        least(s.oldest_kafka_ms, floor(extract(EPOCH FROM s.planned_at) * 1000)) AS first_reached_ms
    FROM etl.sealing AS s
    WHERE s.fingerprint ->> 'topic id' = %(topic_id)s -- noqa: RF02
)

SELECT
    j.query_id,
    j.batch_id,
    j.start_offsets,
    j.end_offsets,
    j.is_timed,
    (
        j.read IS DISTINCT FROM 0
        AND j.planned_at >= %(restate_from)s - j.max_clock_skew -- noqa: RF02
        AND (
            NOT j.is_timed
            OR j.newest_kafka_ms >= extract(EPOCH FROM %(restate_from)s - j.max_clock_skew) * 1000 -- noqa: RF02
        )
        AND (
            NOT j.is_timed
            OR j.first_reached_ms < extract(EPOCH FROM %(restate_to)s + %(allowed_lateness)s) * 1000 -- noqa: RF02
            OR j.sealed_before < %(restate_to)s -- noqa: RF02
        )
    ) AS may_hold,
    (extract(EPOCH FROM j.max_clock_skew) * 1000000)::bigint AS max_clock_skew_us,
    b.gap
FROM judged AS j
INNER JOIN etl.batch AS b ON j.query_id = b.query_id AND j.batch_id = b.batch_id
ORDER BY j.planned_at, j.batch_id;
