-- The interrupted redrive, whose records may or may not be in the topic; there is at most one.
SELECT redrive_id, topic_id, topic, end_offsets, events, requested_at FROM etl.redrive WHERE state = 'sending';
