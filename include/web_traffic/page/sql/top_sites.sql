-- Sites by the hits that they referred in the range, to all hosts: their share of all hits, and their hits in the range
-- to compare with. A NULL site stands for hits without a referrer. Each row also has the number of sites. The order is
-- as in `top_hosts`.
WITH per_site AS (
    SELECT
        site,
        coalesce(sum(num_hits) FILTER (WHERE window_start >= %(range_start)s AND window_start < %(range_end)s), 0) AS hits,
        coalesce(sum(num_hits) FILTER (WHERE window_start >= %(before_start)s AND window_start < %(before_end)s), 0) AS hits_before
    FROM etl.hits_by_site
    WHERE
        (window_start >= %(range_start)s AND window_start < %(range_end)s)
        OR (window_start >= %(before_start)s AND window_start < %(before_end)s)
    GROUP BY site
)

SELECT
    site,
    hits::bigint AS hits,
    hits_before::bigint AS hits_before,
    (hits / nullif(sum(hits) OVER (), 0))::double precision AS share,
    count(*) OVER () AS found
FROM per_site
WHERE hits > 0 OR hits_before > 0
ORDER BY
    CASE WHEN %(sort)s = 'name' AND NOT %(reverse)s THEN site END ASC,
    CASE WHEN %(sort)s = 'name' AND %(reverse)s THEN site END DESC,
    CASE %(sort)s WHEN 'hits' THEN hits WHEN 'change' THEN hits - hits_before END * CASE WHEN %(reverse)s THEN 1 ELSE -1 END ASC,
    hits_before DESC,
    site ASC
LIMIT %(listed)s OFFSET %(skipped)s;
