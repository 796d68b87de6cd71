-- The figures of a week, from `start` up to but not including `week_end` (days, UTC); one row.
WITH week AS (
    SELECT
        cast(%(start)s AS timestamp) AT TIME ZONE 'UTC' AS start,
        cast(%(week_end)s AS timestamp) AT TIME ZONE 'UTC' AS until
),

live AS (
    SELECT
        count(*) AS runs,
        count(*) FILTER (WHERE r.status = 'failed') AS failed,
        coalesce(sum(r.read), 0)::bigint AS read,
        coalesce(sum(r.rejected), 0)::bigint AS rejected,
        coalesce(sum(r.future), 0)::bigint AS future,
        coalesce(sum(r.late), 0)::bigint AS late,
        coalesce(sum(r.emitted), 0)::bigint AS emitted,
        coalesce(sum(r.windows), 0)::bigint AS windows
    FROM etl.run AS r
    CROSS JOIN week
    WHERE r.kind = 'live' AND r.started_at >= week.start AND r.started_at < week.until
),

restated AS (
    SELECT
        count(*) AS restatements,
        coalesce(sum(r.windows_changed), 0)::bigint AS rows_changed
    FROM etl.run AS r
    CROSS JOIN week
    WHERE
        r.kind = 'restate' AND r.status = 'succeeded' AND NOT r.dry_run
        AND r.started_at >= week.start AND r.started_at < week.until
),

checked AS (
    SELECT
        count(*) AS checks,
        count(*) FILTER (WHERE q.status = 'warned') AS warned,
        count(*) FILTER (WHERE q.status = 'failed') AS errors
    FROM etl.quality_result AS q
    CROSS JOIN week
    WHERE q.checked_at >= week.start AND q.checked_at < week.until
),

incidents AS (
    SELECT
        count(*) FILTER (WHERE a.first_at >= week.start AND a.first_at < week.until) AS opened,
        coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'severity', a.severity,
                    'title', a.title,
                    'since', to_char(a.first_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
                ) ORDER BY a.alert_id
            ) FILTER (WHERE a.resolved_at IS NULL),
            '[]'
        ) AS still_open
    FROM etl.alert AS a
    CROSS JOIN week
)

SELECT live.*, restated.*, checked.*, incidents.*
FROM live
CROSS JOIN restated
CROSS JOIN checked
CROSS JOIN incidents;
