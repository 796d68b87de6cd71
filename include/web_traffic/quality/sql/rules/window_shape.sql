-- Windows that do not begin at a multiple of 5 minutes, or do not last 5 minutes.
SELECT
    w.window_start,
    w.window_end,
    w.host,
    w.window_end <> w.window_start + interval '5 minutes'
    OR w.window_start <> date_bin('5 minutes', w.window_start, '1970-01-01 00:00Z') AS is_offender
FROM public.aggregated_web_traffic AS w
INNER JOIN scope ON w.window_start > scope.since - interval '5 minutes' AND w.window_start <= scope.until - interval '5 minutes';
