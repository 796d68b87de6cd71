-- Hosts with far more or fewer hits in a window than usual. Usual is the median over the same time of day, half an hour
-- either way, of the days of the week before. Far is more than rule_limit deviations (1.4826 times the median absolute
-- deviation, which is a standard deviation if hits are normally distributed), more than three quarters of the median, and
-- more than 30 hits: the floor, below which quiet hosts would always be an alarm. The rule hosts_vanished finds hosts
-- without a hit. Of a long backlog only the newest 22 hours count, because the days must not overlap. Windows of
-- another length are left out.
WITH windows AS (
    SELECT w.window_start, w.host, sum(w.num_hits) AS hits
    FROM public.aggregated_web_traffic AS w
    INNER JOIN scope
        ON w.window_start > greatest(scope.since, scope.until - interval '22 hours') - scope.window_length AND w.window_start <= scope.until - scope.window_length
    GROUP BY w.window_start, w.host
),

days AS (
    SELECT
        min(w.window_start) - day * interval '24 hours' - interval '30 minutes' AS first,
        max(w.window_start) - day * interval '24 hours' + interval '30 minutes' AS last
    FROM windows AS w
    CROSS JOIN generate_series(1, 7) AS day
    GROUP BY day
),

history AS MATERIALIZED (
    SELECT w.window_start, w.host, sum(w.num_hits) AS hits
    FROM days AS d
    CROSS JOIN
        LATERAL (
            SELECT w.* FROM public.aggregated_web_traffic AS w
            WHERE w.window_start BETWEEN d.first AND d.last -- noqa: RF02,RF03
            -- By the index. Together with the next condition PostgreSQL 18 would read the whole table.
            OFFSET 0 -- noqa: AM09
        ) AS w
    WHERE w.window_end = w.window_start + (SELECT scope.window_length FROM scope)
    GROUP BY w.window_start, w.host
),

paired AS (
    SELECT w.window_start, w.host, w.hits, h.hits AS before
    FROM windows AS w
    CROSS JOIN generate_series(1, 7) AS day
    INNER JOIN history AS h
        ON
            w.host = h.host
            AND h.window_start BETWEEN w.window_start - day * interval '24 hours' - interval '30 minutes'
            AND w.window_start - day * interval '24 hours' + interval '30 minutes'
),

usual AS (
    SELECT window_start, host, hits, percentile_cont(0.5) WITHIN GROUP (ORDER BY before) AS median_hits
    FROM paired
    GROUP BY window_start, host, hits
),

spread AS (
    SELECT
        u.window_start,
        u.host,
        u.hits,
        u.median_hits,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(p.before - u.median_hits)) AS mad
    FROM usual AS u
    INNER JOIN paired AS p ON u.window_start = p.window_start AND u.host = p.host
    GROUP BY u.window_start, u.host, u.hits, u.median_hits
)

SELECT
    s.window_start,
    s.host,
    s.hits,
    s.median_hits,
    abs(s.hits - s.median_hits) > greatest(scope.rule_limit * 1.4826 * s.mad, s.median_hits * 0.75, 30) AS is_offender
FROM spread AS s
CROSS JOIN scope;
