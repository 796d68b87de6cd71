-- How many rows of the result table lie outside of an interval.
SELECT count(*) AS found
FROM public.aggregated_web_traffic AS w
WHERE w.window_start < %(since)s OR w.window_start >= %(until)s;
