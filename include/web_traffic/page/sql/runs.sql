-- Runs with their books, newest first: a retry of a task is a run of its own. NULL for `kind` or `name` means any; a
-- backfill gives one name to a live run and a restatement. `before` is the last run of the page before, or NULL.
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
    dry_run,
    windows_changed,
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
WHERE
    (cast(%(kind)s AS text) IS NULL OR kind = %(kind)s)
    AND (cast(%(name)s AS text) IS NULL OR name = %(name)s)
    AND started_at >= %(range_start)s AND started_at < %(range_end)s
    AND (cast(%(before)s AS bigint) IS NULL OR run_id < %(before)s)
ORDER BY run_id DESC
LIMIT %(listed)s;
