-- What metrics need beside the overview, in one row; times are in seconds since 1970.
WITH run AS (
    SELECT status, extract(EPOCH FROM started_at)::double precision AS started
    FROM etl.run WHERE kind = 'live' ORDER BY run_id DESC LIMIT 1
),

closed AS (
    SELECT
        open_before, read, rejected, future, late, superseded, emitted, open_after, phases,
        extract(EPOCH FROM ended_at - started_at)::double precision AS seconds
    FROM etl.run
    WHERE kind = 'live' AND status = 'succeeded' AND open_after IS NOT NULL
    ORDER BY run_id DESC
    LIMIT 1
),

checked AS (
    SELECT q.result_id, q.checked_at, q.run_name
    FROM etl.quality_result AS q
    LEFT JOIN etl.run AS r ON q.run_id = r.run_id
    WHERE q.table_name = 'aggregated_web_traffic' AND r.kind IS DISTINCT FROM 'restate'
    ORDER BY q.result_id DESC
    LIMIT 1
),

rules AS (
    SELECT q.rule, q.severity, q.offenders, q.observed, q.unit
    FROM checked AS c
    INNER JOIN etl.quality_result AS q
        ON
            q.result_id BETWEEN c.result_id - 1000 AND c.result_id -- the results of a check stand together
            AND c.checked_at = q.checked_at AND c.run_name = q.run_name AND q.table_name = 'aggregated_web_traffic'
)

SELECT
    (SELECT to_jsonb(run.*) FROM run) AS run,
    (SELECT to_jsonb(closed.*) FROM closed) AS closed,
    (SELECT jsonb_agg(to_jsonb(rules.*) ORDER BY rules.rule) FROM rules) AS rules,
    (SELECT extract(EPOCH FROM checked.checked_at)::double precision FROM checked) AS checked,
    (
        SELECT extract(EPOCH FROM nullif(p.sealed_until, '-infinity'))::double precision
        FROM etl.pipeline AS p WHERE p.name = 'web_traffic'
    ) AS sealed;
