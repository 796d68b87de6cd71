-- Restatements that began in the range, newest first.
SELECT
    run_id,
    name,
    status,
    started_at,
    extract(EPOCH FROM coalesce(ended_at, now()) - started_at)::double precision AS seconds,
    restate_from,
    restate_to,
    dry_run,
    windows_checked,
    windows_changed,
    hits_before,
    hits_after,
    error
FROM etl.run
WHERE started_at >= %(range_start)s AND started_at < %(range_end)s AND kind = 'restate'
ORDER BY run_id DESC
LIMIT %(listed)s;
