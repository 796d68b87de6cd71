-- Close the open incidents of these keys, and enter a message for each of their channels. An incident about windows is
-- over when all of them have succeeded: `windows` are those that did just now, or NULL.
WITH healed AS (
    SELECT alert_id, windows - coalesce(%(windows)s::tstzmultirange, '{}') AS windows
    FROM etl.alert
    WHERE key = any(%(keys)s) AND resolved_at IS NULL
    FOR UPDATE
),

changed AS (
    UPDATE etl.alert AS a
    SET
        windows = healed.windows,
        resolved_at = CASE WHEN coalesce(isempty(healed.windows), TRUE) THEN greatest(%(at)s, a.last_at) END,
        unsent = CASE
            WHEN coalesce(isempty(healed.windows), TRUE)
                THEN a.unsent || array(SELECT 'recovered ' || channel FROM unnest(a.channels) AS channel)
            ELSE a.unsent
        END
    FROM healed
    WHERE a.alert_id = healed.alert_id
    RETURNING a.key, a.resolved_at
)

SELECT key FROM changed WHERE resolved_at IS NOT NULL;
