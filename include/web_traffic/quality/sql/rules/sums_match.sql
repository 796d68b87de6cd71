-- Compare the sums that the page shows, per host and per referring site, with the rows of each window. A write that
-- bypasses the table's triggers does not update the sums.
WITH figures AS (
    SELECT window_start, num_hits AS hits, 0 AS hits_by_host, 0 AS hits_by_site
    FROM public.aggregated_web_traffic
    UNION ALL
    SELECT window_start, 0 AS hits, num_hits AS hits_by_host, 0 AS hits_by_site
    FROM etl.hits_by_host
    UNION ALL
    SELECT window_start, 0 AS hits, 0 AS hits_by_host, num_hits AS hits_by_site
    FROM etl.hits_by_site
)

SELECT
    f.window_start,
    sum(f.hits) AS hits,
    sum(f.hits_by_host) AS hits_by_host,
    sum(f.hits_by_site) AS hits_by_site,
    sum(f.hits) <> sum(f.hits_by_host) OR sum(f.hits) <> sum(f.hits_by_site) AS is_offender
FROM figures AS f
INNER JOIN scope ON f.window_start > scope.since - scope.window_length AND f.window_start <= scope.until - scope.window_length
GROUP BY f.window_start;
