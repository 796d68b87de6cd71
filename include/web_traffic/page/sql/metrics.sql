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
)

SELECT
    (SELECT to_jsonb(run.*) FROM run) AS run,
    (SELECT to_jsonb(closed.*) FROM closed) AS closed,
    (
        SELECT jsonb_agg(to_jsonb(c.*) - ARRAY['checked_at', 'run_name', 'status'] ORDER BY c.rule) FROM etl.newest_check AS c
    ) AS rules,
    (SELECT extract(EPOCH FROM max(c.checked_at))::double precision FROM etl.newest_check AS c) AS checked,
    (
        SELECT extract(EPOCH FROM nullif(p.sealed_until, '-infinity'))::double precision
        FROM etl.pipeline AS p WHERE p.name = 'web_traffic'
    ) AS sealed;
