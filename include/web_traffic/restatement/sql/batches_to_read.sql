-- The batches of a topic, in the order in which they were planned, and whether each may hold events of an interval.
-- What a query read before it could read such events is one row: from its first batch to the last of these.
-- An event is at most the clock skew ahead of its batch's clock, and of its Kafka timestamp if that is plausible (2011
-- or later). It counts if its batch accepted it, or if it reached Kafka within the allowed lateness. A batch may hold
-- any event if its Kafka timestamps are not known.
WITH bound AS MATERIALIZED (
    SELECT %(restate_from)s - greatest(%(max_clock_skew)s, (SELECT max(b.max_clock_skew) FROM etl.batch AS b)) AS planned_at
),

judged AS (
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
    WHERE s.planned_at >= (SELECT bound.planned_at FROM bound) AND s.fingerprint ->> 'topic id' = %(topic_id)s -- noqa: RF02
),

earlier AS (
    SELECT
        c.query_id,
        ended.batch_id,
        begun.start_offsets,
        ended.end_offsets,
        ended.planned_at
    FROM etl.checkpoint AS c
    CROSS JOIN
        LATERAL (
            SELECT b.start_offsets FROM etl.batch AS b WHERE b.query_id = c.query_id ORDER BY b.batch_id LIMIT 1
        ) AS begun
    CROSS JOIN
        LATERAL (
            SELECT b.batch_id, b.end_offsets, b.planned_at FROM etl.batch AS b
            WHERE b.query_id = c.query_id AND b.planned_at < (SELECT bound.planned_at FROM bound)
            ORDER BY b.batch_id DESC
            LIMIT 1
        ) AS ended
    WHERE c.fingerprint ->> 'topic id' = %(topic_id)s -- noqa: RF02
),

found AS (
    SELECT
        j.planned_at,
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
    UNION ALL
    SELECT
        e.planned_at,
        e.query_id,
        e.batch_id,
        e.start_offsets,
        e.end_offsets,
        FALSE AS is_timed,
        FALSE AS may_hold,
        0 AS max_clock_skew_us,
        NULL AS gap
    FROM earlier AS e
)

SELECT
    query_id,
    batch_id,
    start_offsets,
    end_offsets,
    is_timed,
    may_hold,
    max_clock_skew_us,
    gap
FROM found
ORDER BY planned_at, batch_id;
