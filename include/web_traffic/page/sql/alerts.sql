-- Incidents that are open, and those that were seen in the range; open ones first, then the newest.
SELECT
    alert_id,
    key,
    severity,
    title,
    error,
    next_step,
    run_name,
    links,
    failures,
    first_at,
    last_at,
    resolved_at,
    channels,
    unsent,
    lower(windows) AS restate_from,
    upper(windows) AS restate_to,
    silenced_until,
    silenced_by,
    silence_reason
FROM etl.alert
WHERE resolved_at IS NULL OR (last_at >= %(range_start)s AND first_at < %(range_end)s)
ORDER BY resolved_at IS NULL DESC, last_at DESC, alert_id DESC
LIMIT %(listed)s;
