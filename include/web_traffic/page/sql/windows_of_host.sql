-- The rows of one host in the range, as they stand in the result table; of one referrer if `one_referrer` (NULL for hits
-- without one). Each row also has their number. The newest come first; `sort` is name (the time) or hits, and `reverse`
-- turns the order round.
SELECT
    window_start,
    referrer,
    num_hits AS hits,
    count(*) OVER () AS found
FROM public.aggregated_web_traffic
WHERE
    window_start >= %(range_start)s AND window_start < %(range_end)s
    AND host = %(host)s
    AND (NOT %(one_referrer)s OR referrer IS NOT DISTINCT FROM cast(%(referrer)s AS text))
ORDER BY
    CASE WHEN %(sort)s = 'hits' AND NOT %(reverse)s THEN num_hits END DESC,
    CASE WHEN %(sort)s = 'hits' AND %(reverse)s THEN num_hits END ASC,
    CASE WHEN %(sort)s <> 'hits' AND %(reverse)s THEN window_start END ASC,
    window_start DESC,
    referrer ASC
LIMIT %(listed)s OFFSET %(skipped)s;
