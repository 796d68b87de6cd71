-- The offsets of a topic that can hold events of unsealed windows: {partition: first} and {partition: end}, by the
-- batches of the newest query that read the topic. No row if no query read it.
--
-- The watermark of a batch is the newest event time of the batches before it, less the delay, in whole milliseconds.
-- So all events up to a batch are older than the next batch's watermark plus the delay. Nothing follows the newest
-- batch, so it always counts. Earlier queries are not needed: the newest one began where the unsealed windows of that
-- time began, and sealed_until never goes back.
WITH about AS (
    SELECT cast(%(topic_id)s AS text) AS topic_id
),

newest AS (
    SELECT
        b.query_id,
        cast(c.fingerprint ->> 'watermark delay' AS interval) + interval '1 millisecond' AS delay
    FROM etl.batch AS b
    INNER JOIN etl.checkpoint AS c ON b.query_id = c.query_id
    INNER JOIN about AS a ON c.fingerprint ->> 'topic id' = a.topic_id
    ORDER BY b.run_id DESC, b.batch_id DESC
    LIMIT 1
),

batches AS (
    SELECT
        b.batch_id,
        b.start_offsets,
        b.end_offsets,
        lead(coalesce(b.watermark, cast('epoch' AS timestamptz))) OVER (ORDER BY b.batch_id) + n.delay AS events_before
    FROM etl.batch AS b
    INNER JOIN newest AS n ON b.query_id = n.query_id
),

needed AS (
    SELECT b.start_offsets
    FROM batches AS b
    INNER JOIN etl.pipeline AS p ON p.name = 'web_traffic'
    WHERE b.events_before IS NULL OR b.events_before > date_bin(%(window_length)s, p.sealed_until, cast('epoch' AS timestamptz)) -- noqa: RF02
),

starts AS (
    SELECT s.partition, min(cast(s.first_offset AS bigint)) AS first_offset
    FROM needed AS n
    CROSS JOIN LATERAL jsonb_each_text(n.start_offsets) AS s (partition, first_offset)
    GROUP BY s.partition
)

SELECT
    (SELECT jsonb_object_agg(s.partition, s.first_offset) FROM starts AS s) AS start_offsets,
    b.end_offsets
FROM batches AS b
ORDER BY b.batch_id DESC
LIMIT 1;
