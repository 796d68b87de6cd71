-- How many hits restatements added to the buckets of the range or took away, for hosts whose name contains `search`.
-- `at` is in seconds since 1970.
SELECT
    extract(EPOCH FROM date_bin(%(bucket)s, window_start, '1970-01-01 00:00Z'))::bigint AS at,
    sum(coalesce(new_hits, 0) - coalesce(old_hits, 0))::bigint AS hits,
    count(*) AS changes
FROM etl.restatement
WHERE
    window_start >= %(range_start)s AND window_start < %(range_end)s
    AND (%(search)s = '' OR strpos(lower(host), lower(%(search)s)) > 0)
GROUP BY at
ORDER BY at;
