-- Windows that stand in the table more than once, among those that the newest live run has closed.
WITH sealed AS (
    SELECT
        coalesce(lag(sealed_until) OVER (ORDER BY run_id), '-infinity') AS before_run,
        sealed_until AS after_run,
        run_id
    FROM etl.run
    WHERE status = 'succeeded' AND kind = 'live'
),

newest AS (SELECT before_run, after_run FROM sealed ORDER BY run_id DESC LIMIT 1)

SELECT w.window_start, w.host, w.referrer, count(*) AS rows_found
FROM public.aggregated_web_traffic AS w
CROSS JOIN newest AS n
WHERE w.window_end > n.before_run AND w.window_end <= n.after_run
GROUP BY w.window_start, w.host, w.referrer
HAVING count(*) > 1;
