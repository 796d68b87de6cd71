-- The restatements of windows of an interval that were written, oldest first; times in microseconds since the epoch. One
-- that knew no batch gets the window length of the first checkpoint.
WITH earliest AS (SELECT fingerprint FROM etl.checkpoint ORDER BY registered_at LIMIT 1)

SELECT
    (extract(EPOCH FROM r.restate_from) * 1000000)::bigint AS from_us,
    (extract(EPOCH FROM r.restate_to) * 1000000)::bigint AS to_us,
    (extract(EPOCH FROM r.allowed_lateness) * 1000000)::bigint AS allowed_lateness_us,
    (extract(EPOCH FROM r.started_at) * 1000000)::bigint AS started_us,
    r.start_offsets,
    r.end_offsets,
    r.closes_idle_windows,
    (extract(EPOCH FROM (coalesce(c.fingerprint, e.fingerprint) ->> 'window')::interval) * 1000000)::bigint AS window_us,
    (extract(EPOCH FROM r.max_clock_skew) * 1000000)::bigint AS max_clock_skew_us,
    r.known_query_id::text,
    r.known_batch
FROM etl.run AS r
LEFT JOIN etl.checkpoint AS c ON r.known_query_id = c.query_id
LEFT JOIN earliest AS e ON TRUE
WHERE
    r.kind = 'restate' AND r.status = 'succeeded' AND NOT r.dry_run
    AND r.restate_to > %(since)s AND r.restate_from < %(until)s -- noqa: RF02
ORDER BY r.run_id;
