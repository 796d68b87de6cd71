-- Open incidents, the newest first; `is_known` while one is silenced.
SELECT
    alert_id,
    key,
    severity,
    title,
    first_at,
    silenced_until,
    silenced_by,
    silence_reason,
    coalesce(silenced_until > now(), FALSE) AS is_known
FROM etl.alert
WHERE resolved_at IS NULL
ORDER BY alert_id DESC;
