-- End the silences whose time is over, and enter a message for each channel of the incidents that are still open.
UPDATE etl.alert
SET
    silenced_until = NULL,
    unsent = unsent || array(SELECT 'reminded ' || channel FROM unnest(channels) AS channel)
WHERE resolved_at IS NULL AND silenced_until <= now();
