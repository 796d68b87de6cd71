-- The hosts with most hits in the range: their share of the hits of all hosts, and their hits in the range before.
-- Only hosts whose name contains `search` are listed; each row also has their number and the sum of their hits.
WITH per_host AS (
    SELECT
        host,
        coalesce(sum(num_hits) FILTER (WHERE window_start >= %(range_start)s), 0) AS hits,
        coalesce(sum(num_hits) FILTER (WHERE window_start < %(before_end)s), 0) AS hits_before
    FROM etl.hits_by_host
    WHERE window_start >= %(before_start)s AND window_start < %(range_end)s
    GROUP BY host
),

shares AS (SELECT *, hits / nullif(sum(hits) OVER (), 0) AS share FROM per_host)

SELECT
    host,
    hits::bigint AS hits,
    hits_before::bigint AS hits_before,
    share::double precision AS share,
    count(*) FILTER (WHERE hits > 0) OVER () AS found,
    sum(hits) OVER () AS hits_found,
    sum(hits_before) OVER () AS hits_found_before
FROM shares
WHERE (hits > 0 OR hits_before > 0) AND (%(search)s = '' OR strpos(lower(host), lower(%(search)s)) > 0)
ORDER BY hits DESC, hits_before DESC, host ASC
LIMIT %(listed)s;
