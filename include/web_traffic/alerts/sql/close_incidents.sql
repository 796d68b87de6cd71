-- Close the open incidents of these keys, and enter a message for each of their channels.
UPDATE etl.alert
SET
    resolved_at = greatest(%(at)s, last_at),
    unsent = unsent || array(SELECT 'recovered ' || channel FROM unnest(channels) AS channel)
WHERE key = any(%(keys)s) AND resolved_at IS NULL
RETURNING key;
