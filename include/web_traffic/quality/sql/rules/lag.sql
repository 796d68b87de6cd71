-- Offsets in the topic after the newest batch of the ledger, over all partitions.
WITH newest AS (SELECT end_offsets FROM etl.batch ORDER BY committed_at DESC, batch_id DESC LIMIT 1),

behind AS (
    SELECT sum(ends.record_offset::bigint - coalesce((n.end_offsets ->> ends.partition)::bigint, 0)) AS offsets
    FROM scope
    CROSS JOIN LATERAL jsonb_each_text(scope.observed -> 'end_offsets') AS ends (partition, record_offset)
    CROSS JOIN newest AS n
)

SELECT behind.offsets AS observed, behind.offsets > scope.rule_limit AS is_offender FROM behind CROSS JOIN scope;
