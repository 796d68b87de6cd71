-- Whether an error is open.
SELECT key FROM etl.alert WHERE resolved_at IS NULL AND severity = 'error' LIMIT 1; -- noqa: AM09
