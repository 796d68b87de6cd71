-- Enter redrives whose records are in the topic, but which the ledger does not know or has withdrawn. Each event that
-- no redrive has taken goes to the first redrive that sent it.
WITH found AS (
    SELECT DISTINCT ON (r.topic_id, r.partition, r.record_offset)
        r.topic_id,
        r.partition,
        r.record_offset,
        f.redrive_id
    FROM
        unnest(
            cast(%(redrive_ids)s AS uuid[]),
            cast(%(topic_ids)s AS text[]),
            cast(%(partitions)s AS integer[]),
            cast(%(offsets)s AS bigint[])
        ) WITH ORDINALITY AS f (redrive_id, topic_id, partition, record_offset, number)
    INNER JOIN etl.rejected_event AS r
        ON f.topic_id = r.topic_id AND f.partition = r.partition AND f.record_offset = r.record_offset
    WHERE r.redrive_id IS NULL
    ORDER BY r.topic_id, r.partition, r.record_offset, f.number
),

entered AS (
    INSERT INTO etl.redrive (redrive_id, state, topic_id, topic, end_offsets, selector, events, settled_at)
    SELECT
        redrive_id,
        'done' AS state,
        %(topic_id)s, -- noqa: AL03
        %(topic)s, -- noqa: AL03
        %(end_offsets)s, -- noqa: AL03
        'found in the topic' AS selector,
        count(*) AS events,
        now() AS settled_at
    FROM found
    GROUP BY redrive_id
    ON CONFLICT (redrive_id) DO UPDATE SET state = 'done', settled_at = now()
    RETURNING redrive_id
)

UPDATE etl.rejected_event AS r
SET redrive_id = found.redrive_id, redriven_at = now()
FROM found INNER JOIN entered ON found.redrive_id = entered.redrive_id
WHERE r.topic_id = found.topic_id AND r.partition = found.partition AND r.record_offset = found.record_offset;
