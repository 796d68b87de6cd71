-- The oldest incident with one of these messages to be sent that nobody else is just sending.
SELECT
    alert_id, key, title, error, next_step, severity, run_name, links, books, failures, first_at, last_at, resolved_at,
    unsent
FROM etl.alert
WHERE cardinality(unsent) > 0 AND unsent && %(wanted)s
ORDER BY alert_id
LIMIT 1
FOR UPDATE SKIP LOCKED;
