-- What a batch's records say of their time, and the clock skew that it allowed: by these a restatement knows which
-- batches it has to read, and judges their records as they were judged.

ALTER TABLE etl.run
ADD COLUMN max_clock_skew interval,
ADD COLUMN known_query_id uuid,
ADD COLUMN known_batch bigint;
COMMENT ON COLUMN etl.run.max_clock_skew IS 'How far an event could be ahead of its Kafka timestamp (MAX_CLOCK_SKEW); NULL for runs before that was kept';
COMMENT ON COLUMN etl.run.known_query_id IS 'Query of the newest batch that a restatement knew when it was planned; NULL for live runs, and if there was none';
COMMENT ON COLUMN etl.run.known_batch IS 'Number of the newest batch that a restatement knew; what later batches have read it has judged by its own clock';

ALTER TABLE etl.batch
ADD COLUMN max_clock_skew interval,
ADD COLUMN oldest_kafka_ms bigint,
ADD COLUMN newest_kafka_ms bigint;
COMMENT ON COLUMN etl.batch.max_clock_skew IS 'How far an event could be ahead of its Kafka timestamp; NULL for batches before that was kept';
COMMENT ON COLUMN etl.batch.oldest_kafka_ms IS 'Oldest Kafka timestamp of the batch in ms since 1970, as it came; NULL until the batch is through, and if it has read nothing';
COMMENT ON COLUMN etl.batch.newest_kafka_ms IS 'Newest Kafka timestamp of the batch in ms since 1970, as it came; NULL until the batch is through, and if it has read nothing';

CREATE OR REPLACE VIEW etl.sealing AS
SELECT
    b.query_id,
    b.batch_id,
    b.planned_at,
    c.fingerprint,
    b.start_offsets,
    b.end_offsets,
    b.watermark,
    coalesce(
        max(b.watermark) OVER (ORDER BY b.committed_at ASC, b.batch_id ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        'epoch'
    ) AS sealed_before,
    b.max_clock_skew,
    b.oldest_kafka_ms,
    b.newest_kafka_ms,
    b.read
FROM etl.batch AS b
INNER JOIN etl.checkpoint AS c ON b.query_id = c.query_id;
COMMENT ON COLUMN etl.sealing.max_clock_skew IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.oldest_kafka_ms IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.newest_kafka_ms IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.read IS 'As in etl.batch';

COMMENT ON COLUMN etl.rejected_event.kafka_timestamp IS 'Timestamp of the Kafka record, as it came; one that lies outside of the years 1 to 9999 as their end';
