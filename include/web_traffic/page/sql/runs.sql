-- Live runs that began in the range, newest first, with their books; `before` is the last run of the page before, or NULL.
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
    error
FROM etl.run
WHERE
    kind = 'live'
    AND started_at >= %(range_start)s AND started_at < %(range_end)s
    AND (cast(%(before)s AS bigint) IS NULL OR run_id < %(before)s)
ORDER BY run_id DESC
LIMIT %(listed)s;
