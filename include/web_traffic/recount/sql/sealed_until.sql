-- The time up to which windows are sealed (NULL before the first window is closed), and the time before which retention
-- deleted windows (NULL if it deleted none), in microseconds since the epoch; and whether it deleted batches.
SELECT
    (extract(EPOCH FROM nullif(p.sealed_until, '-infinity')) * 1000000)::bigint AS sealed_until_us,
    (extract(EPOCH FROM p.windows_kept_from) * 1000000)::bigint AS windows_kept_from_us,
    p.runs_kept_from IS NOT NULL AS has_lost_runs
FROM etl.pipeline AS p
WHERE p.name = 'web_traffic';
