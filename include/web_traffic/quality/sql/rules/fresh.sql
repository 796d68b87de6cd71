-- How many minutes sealed_until is behind the newest event. A silent topic has no newer event, so silence alone is no
-- offence; neither is a pipeline that has never closed a window.
WITH behind AS (
    SELECT
        p.sealed_until,
        (scope.observed ->> 'newest_event_at')::timestamptz AS newest_event_at,
        extract(EPOCH FROM (scope.observed ->> 'newest_event_at')::timestamptz - p.sealed_until) / 60 AS minutes,
        scope.rule_limit
    FROM etl.pipeline AS p
    CROSS JOIN scope
    WHERE p.name = 'web_traffic' AND p.sealed_until > '-infinity'
)

SELECT sealed_until, newest_event_at, minutes AS observed, minutes > rule_limit AS is_offender FROM behind;
