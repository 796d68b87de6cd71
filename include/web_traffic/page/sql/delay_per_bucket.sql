-- Seconds that sealed_until was behind the clock when a run had ended; the largest of each bucket. `at` is in seconds
-- since 1970.
SELECT
    extract(EPOCH FROM date_bin(%(bucket)s, started_at, '1970-01-01 00:00Z'))::bigint AS at,
    max(extract(EPOCH FROM ended_at - sealed_until))::double precision AS seconds
FROM etl.run
WHERE
    started_at >= %(range_start)s AND started_at < %(range_end)s
    AND kind = 'live' AND status = 'succeeded' AND sealed_until > '-infinity'
GROUP BY at
ORDER BY at;
