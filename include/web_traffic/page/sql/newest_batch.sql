-- The newest batch of the ledger; no row before the first one.
SELECT end_offsets, planned_at
FROM etl.batch
ORDER BY committed_at DESC, batch_id DESC
LIMIT 1;
