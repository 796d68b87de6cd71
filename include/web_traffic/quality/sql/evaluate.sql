-- Sum up the result of a rule's query, which takes the place of `rule`. If the query returned one row, its own figure
-- is the observed one; otherwise the number of offenders is. The sample is any few offenders.
WITH scope AS ( -- noqa: ST03
    SELECT
        %(run_id)s::bigint AS run_id,
        %(since)s::timestamptz AS since,
        %(until)s::timestamptz AS until,
        %(window_length)s::interval AS window_length,
        %(rule_limit)s::double precision AS rule_limit,
        %(observed)s::jsonb AS observed
),

checked AS MATERIALIZED (
    SELECT rule.* FROM (
        %(rule)s
    ) AS rule WHERE rule.is_offender IS NOT NULL
),

total AS (SELECT count(*) AS things, count(*) FILTER (WHERE is_offender) AS offenders FROM checked)

SELECT
    total.things,
    total.offenders,
    CASE
        WHEN total.things = 1
            THEN coalesce((SELECT (to_jsonb(checked.*) ->> 'observed')::double precision FROM checked), total.offenders)
        WHEN total.things > 1 THEN total.offenders
    END AS observed,
    (
        SELECT coalesce(jsonb_agg(to_jsonb(sample.*) - 'is_offender'), '[]')
        FROM (SELECT * FROM checked WHERE is_offender LIMIT %(sample_size)s) AS sample -- noqa: AM09
    ) AS sample
FROM total;
