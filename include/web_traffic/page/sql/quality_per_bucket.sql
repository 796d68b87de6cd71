-- Checks that warned or failed, per bucket. `at` is in seconds since 1970.
SELECT
    extract(EPOCH FROM date_bin(%(bucket)s, checked_at, '1970-01-01 00:00Z'))::bigint AS at,
    count(*) FILTER (WHERE status = 'warned') AS warned,
    count(*) FILTER (WHERE status = 'failed') AS failed
FROM etl.quality_result
WHERE checked_at >= %(range_start)s AND checked_at < %(range_end)s AND status IN ('warned', 'failed')
GROUP BY at
ORDER BY at;
