-- The sites that referred most hits in the range, to all hosts: their share of all hits, and their hits in the range
-- before. A NULL site stands for hits without a referrer.
WITH per_site AS (
    SELECT
        site,
        coalesce(sum(num_hits) FILTER (WHERE window_start >= %(range_start)s), 0) AS hits,
        coalesce(sum(num_hits) FILTER (WHERE window_start < %(before_end)s), 0) AS hits_before
    FROM etl.hits_by_site
    WHERE window_start >= %(before_start)s AND window_start < %(range_end)s
    GROUP BY site
)

SELECT
    site,
    hits::bigint AS hits,
    hits_before::bigint AS hits_before,
    (hits / nullif(sum(hits) OVER (), 0))::double precision AS share
FROM per_site
WHERE hits > 0 OR hits_before > 0
ORDER BY hits DESC, hits_before DESC, site ASC
LIMIT %(listed)s;
