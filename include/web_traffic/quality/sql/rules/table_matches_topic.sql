-- Rows of the sampled window that differ from the recount of its records. There is nothing to check without a recount
-- (too many records to read, or Kafka no longer holds them), or if the window was restated meanwhile.
WITH recounted AS (
    SELECT r.host, coalesce('=' || r.referrer, '') AS referrer_key, r.num_hits
    FROM scope
    CROSS JOIN LATERAL jsonb_to_recordset(scope.observed -> 'recount') AS r (host text, referrer text, num_hits bigint)
),

found AS (
    SELECT w.host, coalesce('=' || w.referrer, '') AS referrer_key, w.num_hits
    FROM public.aggregated_web_traffic AS w
    INNER JOIN scope ON w.window_start = (scope.observed ->> 'sampled_window')::timestamptz
)

SELECT
    scope.observed ->> 'sampled_window' AS window_start,
    coalesce(f.host, r.host) AS host,
    coalesce(f.referrer_key, r.referrer_key) AS referrer,
    f.num_hits AS in_table,
    r.num_hits AS in_topic,
    (f.num_hits = r.num_hits) IS NOT TRUE AS is_offender
FROM found AS f
FULL JOIN recounted AS r ON f.host = r.host AND f.referrer_key = r.referrer_key
CROSS JOIN scope
WHERE
    NOT EXISTS (
        SELECT 1 FROM etl.run AS restated
        WHERE
            restated.kind = 'restate'
            AND restated.status = 'succeeded'
            AND (scope.observed ->> 'sampled_window')::timestamptz >= restated.restate_from
            AND (scope.observed ->> 'sampled_window')::timestamptz < restated.restate_to
    );
