-- Delete old rejected events whose records Kafka no longer holds, unless a redrive is about to send them.
DELETE FROM etl.rejected_event
WHERE ctid IN (
    SELECT e.ctid
    FROM etl.rejected_event AS e
    WHERE
        e.rejected_at < %(cutoff)s
        AND (
            e.topic_id <> %(topic_id)s
            OR e.record_offset < coalesce((%(first_offsets)s::jsonb ->> e.partition::text)::bigint, 0)
        )
        AND NOT EXISTS (SELECT 1 FROM etl.redrive AS d WHERE d.redrive_id = e.redrive_id AND d.state = 'sending')
    ORDER BY e.rejected_at
    LIMIT %(at_once)s
);
