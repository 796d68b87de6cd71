-- Silence an open incident up to a time.
UPDATE etl.alert
SET
    silenced_until = %(until)s,
    silenced_by = %(by)s,
    silence_reason = %(reason)s,
    silences = silences + 1
WHERE alert_id = %(alert_id)s AND resolved_at IS NULL
RETURNING title;
