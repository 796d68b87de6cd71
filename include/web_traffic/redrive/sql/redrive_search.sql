-- The offset of each partition from which the topic may hold events that went back without the ledger knowing it.
-- The copy of an event comes after its original; the copy of an event of another topic may be anywhere. The newest
-- redrive searched up to its end offsets for all events that were rejected by then. A search takes less than an hour,
-- and clocks differ by less.
WITH newest AS (
    SELECT requested_at - interval '1 hour' AS searched_at, end_offsets
    FROM etl.redrive
    WHERE topic_id = %(topic_id)s
    ORDER BY requested_at DESC
    LIMIT 1
),

free_events AS (
    SELECT
        CASE WHEN r.topic_id = %(topic_id)s THEN r.partition END AS partition, -- noqa: RF02
        coalesce(r.rejected_at < newest.searched_at, FALSE) AS is_searched,
        min(CASE WHEN r.topic_id = %(topic_id)s THEN r.record_offset + 1 ELSE 0 END) AS first_offset -- noqa: RF02
    FROM etl.rejected_event AS r
    LEFT JOIN newest ON TRUE
    WHERE r.redrive_id IS NULL
    GROUP BY 1, 2 -- noqa: AM06
)

SELECT
    p.partition::text AS partition,
    min(
        CASE
            WHEN f.is_searched THEN greatest(f.first_offset, (newest.end_offsets ->> p.partition::text)::bigint)
            ELSE f.first_offset
        END
    ) AS first_offset
FROM unnest(cast(%(partitions)s AS integer[])) AS p (partition) -- noqa: RF02
INNER JOIN free_events AS f ON p.partition = coalesce(f.partition, p.partition)
LEFT JOIN newest ON TRUE
GROUP BY p.partition;
