-- Where records go that are not counted: no valid events, and events from the future.

CREATE TABLE etl.rejected_event (
    topic_id text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    kafka_timestamp timestamptz NOT NULL,
    reason text NOT NULL,
    value bytea,
    rejected_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic_id, partition, record_offset)
);
COMMENT ON TABLE etl.rejected_event IS 'Kafka records that were read and not counted, with the reason; one row per record, however often it is read';
COMMENT ON COLUMN etl.rejected_event.topic_id IS 'Kafka''s id of the topic: a topic that is made anew under the same name has another';
COMMENT ON COLUMN etl.rejected_event.topic IS 'Name of the topic';
COMMENT ON COLUMN etl.rejected_event.partition IS 'Partition of the topic';
COMMENT ON COLUMN etl.rejected_event.record_offset IS 'Offset in the partition';
COMMENT ON COLUMN etl.rejected_event.kafka_timestamp IS 'Timestamp of the Kafka record';
COMMENT ON COLUMN etl.rejected_event.reason IS 'Why it was not counted';
COMMENT ON COLUMN etl.rejected_event.value IS 'The record''s bytes as they came; NULL if it had none';
COMMENT ON COLUMN etl.rejected_event.rejected_at IS 'When it was read';

CREATE INDEX rejected_event_by_time ON etl.rejected_event (rejected_at);

GRANT SELECT ON etl.rejected_event TO web_traffic_writer, web_traffic_reader;
GRANT INSERT ON etl.rejected_event TO web_traffic_writer;
