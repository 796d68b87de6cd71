-- The rows of the result table whose windows begin in an interval; times in microseconds since the epoch.
SELECT
    (extract(EPOCH FROM w.window_start) * 1000000)::bigint AS window_start_us,
    w.host,
    w.referrer,
    w.num_hits
FROM public.aggregated_web_traffic AS w
WHERE w.window_start >= %(since)s AND w.window_start < %(until)s;
