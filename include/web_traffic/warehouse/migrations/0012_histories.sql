-- What the next run needs to compare Kafka's log with what was read from it, and a quick way to the newest batch.

ALTER TABLE etl.run ADD COLUMN last_records jsonb;
COMMENT ON COLUMN etl.run.last_records IS 'The last record read of each partition, to recognise it by: {partition: [offset, Kafka timestamp in ms, digest of the value]}';

COMMENT ON COLUMN etl.run.gap IS 'Offsets that Kafka had lost, accepted for this run: {partition: [first, end)}, {topic id/partition: …} of a topic made anew; NULL if none';

CREATE INDEX run_with_last_records ON etl.run (run_id) WHERE last_records IS NOT NULL;
CREATE INDEX batch_by_run ON etl.batch (run_id, batch_id);
