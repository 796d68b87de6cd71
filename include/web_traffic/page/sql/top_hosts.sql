-- Hosts by their hits in the range: their share of the hits of all hosts, and their hits in the range to compare with.
-- Only hosts whose name contains `search` are listed; each row also has their number and the sum of their hits. The
-- biggest come first; `sort` is hits, change or name, and `reverse` turns the order round.
WITH per_host AS (
    SELECT
        host,
        coalesce(sum(num_hits) FILTER (WHERE window_start >= %(range_start)s AND window_start < %(range_end)s), 0) AS hits,
        coalesce(sum(num_hits) FILTER (WHERE window_start >= %(before_start)s AND window_start < %(before_end)s), 0) AS hits_before
    FROM etl.hits_by_host
    WHERE
        (window_start >= %(range_start)s AND window_start < %(range_end)s)
        OR (window_start >= %(before_start)s AND window_start < %(before_end)s)
    GROUP BY host
),

shares AS (SELECT *, hits / nullif(sum(hits) OVER (), 0) AS share FROM per_host)

SELECT
    host,
    hits::bigint AS hits,
    hits_before::bigint AS hits_before,
    share::double precision AS share,
    count(*) OVER () AS found,
    sum(hits) OVER () AS hits_found,
    sum(hits_before) OVER () AS hits_found_before
FROM shares
WHERE (hits > 0 OR hits_before > 0) AND (%(search)s = '' OR strpos(lower(host), lower(%(search)s)) > 0)
ORDER BY
    CASE WHEN %(sort)s = 'name' AND NOT %(reverse)s THEN host END ASC,
    CASE WHEN %(sort)s = 'name' AND %(reverse)s THEN host END DESC,
    CASE %(sort)s WHEN 'hits' THEN hits WHEN 'change' THEN hits - hits_before END * CASE WHEN %(reverse)s THEN 1 ELSE -1 END ASC,
    hits_before DESC,
    host ASC
LIMIT %(listed)s OFFSET %(skipped)s;
