-- Rejected events that go back to the topic: which, when, and with what value.

CREATE TABLE etl.redrive (
    redrive_id uuid PRIMARY KEY,
    state text NOT NULL DEFAULT 'sending' CHECK (state IN ('sending', 'done', 'withdrawn')),
    topic_id text NOT NULL,
    topic text NOT NULL,
    end_offsets jsonb NOT NULL,
    selector text NOT NULL,
    events integer NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz
);
COMMENT ON TABLE etl.redrive IS 'Rejected events that were sent back to the topic, in one Kafka transaction per row';
COMMENT ON COLUMN etl.redrive.redrive_id IS 'Header redrive-id of the records';
COMMENT ON COLUMN etl.redrive.state IS 'sending: unknown yet whether the records are in the topic; done: they are; withdrawn: they are not, their events are free again';
COMMENT ON COLUMN etl.redrive.topic_id IS 'Kafka''s id of the topic that they go to';
COMMENT ON COLUMN etl.redrive.topic IS 'Name of the topic';
COMMENT ON COLUMN etl.redrive.end_offsets IS 'End of the topic before they were sent, by partition: they lie behind it';
COMMENT ON COLUMN etl.redrive.selector IS 'Arguments of the command that has selected them';
COMMENT ON COLUMN etl.redrive.events IS 'Number of events';
COMMENT ON COLUMN etl.redrive.requested_at IS 'When they were selected';
COMMENT ON COLUMN etl.redrive.settled_at IS 'When it was known that they are in the topic, or that they are not';

-- One at a time, also if two processes believe that it is their turn.
CREATE UNIQUE INDEX redrive_sending ON etl.redrive (state) WHERE state = 'sending';

ALTER TABLE etl.rejected_event
ADD COLUMN redrive_id uuid REFERENCES etl.redrive,
ADD COLUMN redriven_at timestamptz,
ADD COLUMN repaired_value bytea;
COMMENT ON COLUMN etl.rejected_event.redrive_id IS 'Redrive that has taken the event; NULL if none has';
COMMENT ON COLUMN etl.rejected_event.redriven_at IS 'When it was known to be in the topic again';
COMMENT ON COLUMN etl.rejected_event.repaired_value IS 'Value that was sent instead of the original one; NULL if none was';

CREATE INDEX rejected_event_by_redrive ON etl.rejected_event (redrive_id) WHERE redrive_id IS NOT NULL;

GRANT SELECT ON etl.redrive TO web_traffic_writer, web_traffic_reader;
GRANT INSERT, UPDATE (state, settled_at) ON etl.redrive TO web_traffic_writer;
GRANT UPDATE (redrive_id, redriven_at, repaired_value) ON etl.rejected_event TO web_traffic_writer;
