-- The offsets of a topic that can hold events of unsealed windows: {partition: first} and {partition: end}, by the
-- batches of the newest query that read the topic. No row if no query read it.
--
-- The watermark of a batch is the newest event time of the batches before it, less the delay, in whole milliseconds.
-- So all events up to a batch are older than the next batch's watermark plus the delay. The last batch whose own
-- watermark plus the delay is not after the first unsealed window is the first that counts. Earlier queries are not
-- needed: the newest one began where the unsealed windows of that time began, and sealed_until never goes back.
WITH about AS (
    SELECT cast(%(topic_id)s AS text) AS topic_id
),

newest AS MATERIALIZED (
    SELECT
        c.query_id,
        b.batch_id,
        b.end_offsets,
        cast(c.fingerprint ->> 'watermark delay' AS interval) + interval '1 millisecond' AS delay
    FROM etl.checkpoint AS c
    INNER JOIN about AS a ON c.fingerprint ->> 'topic id' = a.topic_id
    CROSS JOIN
        LATERAL (
            SELECT e.run_id, e.batch_id, e.end_offsets FROM etl.batch AS e
            WHERE e.query_id = c.query_id
            ORDER BY e.batch_id DESC
            LIMIT 1
        ) AS b
    ORDER BY b.run_id DESC, b.batch_id DESC
    LIMIT 1
),

first_needed AS MATERIALIZED (
    SELECT b.batch_id
    FROM newest AS n
    INNER JOIN etl.pipeline AS p ON p.name = 'web_traffic'
    CROSS JOIN LATERAL (
        SELECT b.batch_id FROM etl.batch AS b
        WHERE
            b.query_id = n.query_id
            AND coalesce(b.watermark, cast('epoch' AS timestamptz)) + n.delay <= date_bin(%(window_length)s, p.sealed_until, cast('epoch' AS timestamptz)) -- noqa: RF02
        ORDER BY b.batch_id DESC
        LIMIT 1
    ) AS b
),

starts AS (
    SELECT s.partition, min(cast(s.first_offset AS bigint)) AS first_offset
    FROM etl.batch AS b
    CROSS JOIN LATERAL jsonb_each_text(b.start_offsets) AS s (partition, first_offset)
    WHERE
        b.query_id = (SELECT newest.query_id FROM newest)
        AND b.batch_id BETWEEN coalesce((SELECT first_needed.batch_id FROM first_needed), 0) AND (SELECT newest.batch_id FROM newest)
    GROUP BY s.partition
)

SELECT
    (SELECT jsonb_object_agg(s.partition, s.first_offset) FROM starts AS s) AS start_offsets,
    n.end_offsets
FROM newest AS n;
