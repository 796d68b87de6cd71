-- Hours that restatements changed after `told_until`, each with the end of the newest one of them. If it is NULL: those
-- of the newest restatement that changed a complete hour. Restatements follow one another, so their ends are in order.
-- A restatement that closed idle windows changed only windows that were open, and a dry run changed nothing.
WITH changed AS (
    SELECT
        date_trunc('hour', c.window_start, 'UTC') AS hour,
        r.ended_at
    FROM etl.run AS r
    INNER JOIN etl.restatement AS c ON r.run_id = c.run_id
    WHERE
        r.kind = 'restate' AND r.status = 'succeeded' AND NOT r.dry_run AND NOT r.closes_idle_windows
        AND r.ended_at > coalesce(%(told_until)s, '-infinity'::timestamptz) -- noqa: RF02
        AND date_trunc('hour', c.window_start, 'UTC') + interval '1 hour' <= r.sealed_until
),

newest AS (SELECT max(ended_at) AS ended_at FROM changed)

SELECT c.hour, max(c.ended_at) AS ended_at
FROM changed AS c CROSS JOIN newest AS n
WHERE c.ended_at >= coalesce(%(told_until)s, n.ended_at) -- noqa: RF02
GROUP BY c.hour
ORDER BY c.hour;
