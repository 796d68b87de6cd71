-- Enter the batch in the ledger, in the transaction that moved its windows.
INSERT INTO etl.batch (
    query_id, batch_id, run_id, planned_at, start_offsets, end_offsets, watermark, windows, emitted, superseded
) VALUES (
    %(query_id)s,
    %(batch_id)s,
    %(run_id)s,
    %(planned_at)s,
    %(start_offsets)s,
    %(end_offsets)s,
    %(watermark)s,
    %(windows)s,
    %(emitted)s,
    %(superseded)s
);
