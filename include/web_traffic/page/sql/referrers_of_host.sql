-- The referrers of one host by their hits in the range, and their share of its hits; NULL stands for hits without one.
-- Each row also has the number of referrers. The biggest come first; `sort` is hits or name, and `reverse` turns the
-- order round.
WITH per_referrer AS (
    SELECT
        referrer,
        sum(num_hits)::bigint AS hits
    FROM public.aggregated_web_traffic
    WHERE window_start >= %(range_start)s AND window_start < %(range_end)s AND host = %(host)s
    GROUP BY referrer
)

SELECT
    referrer,
    hits,
    (hits / nullif(sum(hits) OVER (), 0))::double precision AS share,
    count(*) OVER () AS found
FROM per_referrer
ORDER BY
    CASE WHEN %(sort)s = 'name' AND NOT %(reverse)s THEN referrer END ASC,
    CASE WHEN %(sort)s = 'name' AND %(reverse)s THEN referrer END DESC,
    hits * CASE WHEN %(reverse)s THEN 1 ELSE -1 END ASC,
    referrer ASC
LIMIT %(listed)s OFFSET %(skipped)s;
