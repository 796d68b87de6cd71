-- Close a run's books from the ledger rows of the batches first_batch to last_batch, which it completed.
-- Without batches (nothing was new) all sums are zero. Late is the remainder that the other figures leave.
WITH batches AS (
    SELECT *
    FROM etl.batch
    WHERE query_id = %(query_id)s AND batch_id BETWEEN %(first_batch)s AND %(last_batch)s
),

sums AS (
    SELECT
        coalesce(sum(read), 0)::bigint AS read,
        coalesce(sum(rejected), 0)::bigint AS rejected,
        coalesce(sum(future), 0)::bigint AS future,
        coalesce(sum(superseded), 0)::bigint AS superseded,
        coalesce(sum(emitted), 0)::bigint AS emitted,
        coalesce(sum(windows), 0)::bigint AS windows,
        max(watermark) AS watermark
    FROM batches
)

UPDATE etl.run AS run
SET
    status = 'succeeded',
    ended_at = now(),
    query_id = %(query_id)s,
    first_batch = %(first_batch)s,
    last_batch = %(last_batch)s,
    start_offsets = (SELECT start_offsets FROM batches ORDER BY batch_id LIMIT 1),
    end_offsets = (SELECT end_offsets FROM batches ORDER BY batch_id DESC LIMIT 1),
    open_before = %(open_before)s,
    read = sums.read,
    rejected = sums.rejected,
    future = sums.future,
    late = %(open_before)s + sums.read
    - (sums.rejected + sums.future + sums.superseded + sums.emitted + %(open_after)s),
    superseded = sums.superseded,
    emitted = sums.emitted,
    open_after = %(open_after)s,
    dropped_rows = %(dropped_rows)s,
    windows = sums.windows,
    watermark = sums.watermark,
    left_work = %(left_work)s,
    sealed_until = (SELECT sealed_until FROM etl.pipeline WHERE name = 'web_traffic'),
    last_records = %(last_records)s,
    phases = %(phases)s
FROM sums
WHERE run.run_id = %(run_id)s
RETURNING to_jsonb(run.*);
