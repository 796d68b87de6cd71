-- The pipeline, if no window was closed for an hour: nothing is sent, or the events that are sent do not get here.
-- A pipeline that has never closed a window has nothing to check.
SELECT name, sealed_until, now() AS checked_at
FROM etl.pipeline
WHERE name = 'web_traffic' AND sealed_until > '-infinity' AND sealed_until < now() - interval '1 hour';
