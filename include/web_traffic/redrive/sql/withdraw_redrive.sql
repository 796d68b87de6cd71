-- End a redrive none of whose records is in the topic, and give its events free.
WITH withdrawn AS (
    UPDATE etl.redrive SET state = 'withdrawn', settled_at = now()
    WHERE redrive_id = %(redrive_id)s
    RETURNING redrive_id
)

UPDATE etl.rejected_event AS r SET redrive_id = NULL, repaired_value = NULL
FROM withdrawn WHERE r.redrive_id = withdrawn.redrive_id;
