-- The oldest incident that has one of these messages unsent, and for which no other process is sending now.
SELECT
    alert_id, key, title, error, next_step, severity, run_name, links, books, failures, first_at, last_at, resolved_at,
    unsent, silences, silenced_by, silence_reason
FROM etl.alert
WHERE cardinality(unsent) > 0 AND unsent && %(wanted)s
ORDER BY alert_id
LIMIT 1
FOR UPDATE SKIP LOCKED;
