-- What is going on at this moment, in one row: the newest live run, the newest check of the result table, the outcomes
-- of that check, open incidents, the newest restatement if it was a dry run of the last day, and late events since the
-- newest one that was not, of at most 30 days.
WITH newest AS (
    SELECT name, status, started_at FROM etl.run WHERE kind = 'live' ORDER BY run_id DESC LIMIT 1
),

checked AS (
    SELECT
        checked_at,
        run_name,
        count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'warned') AS warned
    FROM etl.newest_check
    GROUP BY checked_at, run_name
),

alerts AS (
    SELECT
        count(*) FILTER (WHERE severity = 'error' AND NOT coalesce(silenced_until > now(), FALSE)) AS errors,
        count(*) FILTER (WHERE severity = 'warning' AND NOT coalesce(silenced_until > now(), FALSE)) AS warnings,
        count(*) FILTER (WHERE silenced_until > now()) AS silenced
    FROM etl.alert
    WHERE resolved_at IS NULL
),

tried AS (
    SELECT name, dry_run, windows_changed FROM etl.run
    WHERE kind = 'restate' AND status = 'succeeded' AND started_at > now() - interval '1 day'
    ORDER BY run_id DESC
    LIMIT 1
),

restated AS (
    SELECT run_id FROM etl.run
    WHERE kind = 'restate' AND status = 'succeeded' AND NOT dry_run
    ORDER BY run_id DESC
    LIMIT 1
)

SELECT
    (SELECT to_jsonb(newest.*) FROM newest) AS newest_run,
    (SELECT to_jsonb(checked.*) FROM checked) AS newest_check,
    (SELECT to_jsonb(alerts.*) FROM alerts) AS open_alerts,
    (SELECT to_jsonb(tried.*) FROM tried WHERE tried.dry_run) AS dry_run,
    (
        SELECT coalesce(sum(r.late), 0)::bigint FROM etl.run AS r
        WHERE
            r.kind = 'live' AND r.run_id > coalesce((SELECT restated.run_id FROM restated), 0)
            AND r.started_at > now() - interval '30 days'
    ) AS late;
