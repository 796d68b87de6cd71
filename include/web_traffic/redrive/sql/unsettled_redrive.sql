-- The redrive of which it is not known whether its records are in the topic; there is at most one.
SELECT redrive_id, topic_id, topic, end_offsets, events, requested_at FROM etl.redrive WHERE state = 'sending';
