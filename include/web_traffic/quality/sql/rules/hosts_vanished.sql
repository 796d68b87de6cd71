-- Hosts without a hit in the last hour of closed windows that had hits in the same hour of most earlier days, by the
-- median over the days of the week before, including those without a hit. If the whole table is silent, no host has
-- vanished.
WITH last_hour AS (
    SELECT date_bin(scope.window_length, scope.until, '1970-01-01 00:00Z') AS ends_at, scope.rule_limit
    FROM scope
    WHERE scope.since < scope.until
),

now_there AS (
    SELECT DISTINCT w.host
    FROM public.aggregated_web_traffic AS w
    INNER JOIN last_hour AS h ON w.window_start >= h.ends_at - interval '1 hour' AND w.window_start < h.ends_at
),

days AS (
    SELECT earlier.ends_at
    FROM last_hour AS h
    CROSS JOIN
        LATERAL generate_series(
            h.ends_at - interval '168 hours', h.ends_at - interval '24 hours', interval '24 hours'
        ) AS earlier (ends_at)
    WHERE EXISTS (
        SELECT 1 FROM public.aggregated_web_traffic AS w
        WHERE
            w.window_start >= earlier.ends_at - interval '1 hour' AND w.window_start < earlier.ends_at
    )
),

by_day AS (
    SELECT w.host, d.ends_at, sum(w.num_hits) AS hits
    FROM days AS d
    INNER JOIN public.aggregated_web_traffic AS w
        ON w.window_start >= d.ends_at - interval '1 hour' AND d.ends_at > w.window_start
    GROUP BY w.host, d.ends_at
),

hosts AS (SELECT DISTINCT host FROM by_day),

usual AS (
    SELECT hosts.host, percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(b.hits, 0)) AS median_hits
    FROM hosts
    CROSS JOIN days AS d
    LEFT JOIN by_day AS b ON hosts.host = b.host AND d.ends_at = b.ends_at
    GROUP BY hosts.host
)

SELECT
    u.host,
    u.median_hits,
    NOT EXISTS (SELECT 1 FROM now_there AS n WHERE u.host = n.host) AS is_offender
FROM usual AS u
CROSS JOIN last_hour AS h
WHERE u.median_hits >= h.rule_limit AND EXISTS (SELECT 1 FROM now_there);
