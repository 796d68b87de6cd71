-- End a redrive whose records are in the topic.
WITH done AS (
    UPDATE etl.redrive SET state = 'done', settled_at = now() WHERE redrive_id = %(redrive_id)s RETURNING redrive_id
)

UPDATE etl.rejected_event AS r SET redriven_at = now() FROM done WHERE r.redrive_id = done.redrive_id;
