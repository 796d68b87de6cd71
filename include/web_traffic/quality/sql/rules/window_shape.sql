-- Windows that do not begin at a multiple of the window length, or that last longer or shorter.
SELECT
    w.window_start,
    w.window_end,
    w.host,
    w.window_end <> w.window_start + scope.window_length
    OR w.window_start <> date_bin(scope.window_length, w.window_start, '1970-01-01 00:00Z') AS is_offender
FROM public.aggregated_web_traffic AS w
INNER JOIN scope ON w.window_start > scope.since - scope.window_length AND w.window_start <= scope.until - scope.window_length;
