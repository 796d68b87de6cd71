-- Windows that are in the table more than once.
SELECT w.window_start, w.host, w.referrer, count(*) AS rows_found, count(*) > 1 AS is_offender
FROM public.aggregated_web_traffic AS w
INNER JOIN scope ON w.window_start > scope.since - scope.window_length AND w.window_start <= scope.until - scope.window_length
GROUP BY w.window_start, w.host, w.referrer;
