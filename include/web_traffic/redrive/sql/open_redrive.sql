-- Begin a redrive; its events are marked in the same transaction.
INSERT INTO etl.redrive (redrive_id, topic_id, topic, end_offsets, selector, events)
VALUES (%(redrive_id)s, %(topic_id)s, %(topic)s, %(end_offsets)s, %(selector)s, %(events)s);
