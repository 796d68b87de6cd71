-- Windows without a host.
SELECT w.window_start, w.referrer, w.num_hits, w.host = '' AS is_offender
FROM public.aggregated_web_traffic AS w
INNER JOIN scope ON w.window_start > scope.since - scope.window_length AND w.window_start <= scope.until - scope.window_length;
