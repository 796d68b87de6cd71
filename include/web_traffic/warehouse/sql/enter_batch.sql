-- Enter the batch in the ledger, in the transaction that moved its windows. A run's first batch carries the run's gap.
INSERT INTO etl.batch (
    query_id, batch_id, run_id, planned_at, start_offsets, end_offsets, watermark, windows, emitted, superseded, gap, max_clock_skew,
    sealed_before
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
    %(superseded)s,
    (
        SELECT r.gap FROM etl.run AS r
        WHERE r.run_id = %(run_id)s AND NOT EXISTS (SELECT 1 FROM etl.batch AS b WHERE b.run_id = r.run_id)
    ),
    (SELECT r.max_clock_skew FROM etl.run AS r WHERE r.run_id = %(run_id)s),
    coalesce(
        (SELECT greatest(b.sealed_before, b.watermark) FROM etl.batch AS b ORDER BY b.run_id DESC, b.batch_id DESC LIMIT 1),
        '1970-01-01 00:00Z'
    )
);
