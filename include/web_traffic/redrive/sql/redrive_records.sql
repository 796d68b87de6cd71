-- The records that a redrive has to send.
SELECT topic_id, partition, record_offset, coalesce(repaired_value, value) AS value
FROM etl.rejected_event
WHERE redrive_id = %(redrive_id)s
ORDER BY topic_id, partition, record_offset;
