-- End a redrive that has no record in the topic, and release its events.
WITH withdrawn AS (
    UPDATE etl.redrive SET state = 'withdrawn', settled_at = now()
    WHERE redrive_id = %(redrive_id)s
    RETURNING redrive_id
)

UPDATE etl.rejected_event AS r SET redrive_id = NULL, repaired_value = NULL
FROM withdrawn WHERE r.redrive_id = withdrawn.redrive_id;
