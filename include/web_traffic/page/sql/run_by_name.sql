-- The runs of one name, newest first: a retry of a task is a run of its own. `kind` selects one kind; NULL means both.
-- Both kinds have one name if a backfill restates an interval that the live DAG has counted.
SELECT
    run_id,
    name,
    status,
    started_at,
    ended_at,
    extract(EPOCH FROM coalesce(ended_at, now()) - started_at)::double precision AS seconds,
    open_before,
    read,
    rejected,
    future,
    late,
    superseded,
    emitted,
    open_after,
    windows,
    phases,
    gap,
    error,
    first_batch,
    last_batch,
    start_offsets,
    end_offsets,
    nullif(watermark, '-infinity') AS watermark,
    nullif(sealed_until, '-infinity') AS sealed_until
FROM etl.run
WHERE name = %(name)s AND (cast(%(kind)s AS text) IS NULL OR kind = %(kind)s)
ORDER BY run_id DESC
LIMIT 10;
