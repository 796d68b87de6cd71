-- Hits per bucket of the hosts with most hits in the range, and of all other hosts together (host NULL). `at` is in
-- seconds since 1970. Only hosts whose name contains `search` count, in upper or lower case; all if it is empty.
WITH hits AS MATERIALIZED (
    SELECT
        host,
        date_bin(%(bucket)s, window_start, '1970-01-01 00:00Z') AS bucket,
        sum(num_hits) AS hits
    FROM etl.hits_by_host
    WHERE
        window_start >= %(range_start)s AND window_start < %(range_end)s
        AND (%(search)s = '' OR strpos(lower(host), lower(%(search)s)) > 0)
    GROUP BY host, bucket
),

top AS (SELECT host FROM hits GROUP BY host ORDER BY sum(hits) DESC, host ASC LIMIT %(stacked_hosts)s)

SELECT
    top.host,
    extract(EPOCH FROM hits.bucket)::bigint AS at,
    sum(hits.hits)::bigint AS hits
FROM hits
LEFT JOIN top ON hits.host = top.host
GROUP BY top.host, hits.bucket;
