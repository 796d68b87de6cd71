-- Which checkpoints belong to this database, what each was made with, and the gaps that a person has accepted.

CREATE TABLE etl.checkpoint (
    query_id uuid PRIMARY KEY,
    fingerprint jsonb NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE etl.checkpoint IS 'Checkpoints that have fed this database';
COMMENT ON COLUMN etl.checkpoint.query_id IS 'Id of the streaming query, as in the checkpoint''s metadata file';
COMMENT ON COLUMN etl.checkpoint.fingerprint IS 'What can''t change within the life of a checkpoint: topic, windows, state';
COMMENT ON COLUMN etl.checkpoint.registered_at IS 'When its first run began';

ALTER TABLE etl.run ADD COLUMN gap jsonb;
COMMENT ON COLUMN etl.run.gap IS 'Offsets that Kafka had lost before they were read, accepted for this run: {partition: [first, end)}; NULL if none';
ALTER TABLE etl.batch ADD COLUMN gap jsonb;
COMMENT ON COLUMN etl.batch.gap IS 'The gap of the run, at the batch that it lies before; NULL if none';

GRANT SELECT ON etl.checkpoint TO web_traffic_writer, web_traffic_reader;
GRANT INSERT ON etl.checkpoint TO web_traffic_writer;
