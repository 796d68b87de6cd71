-- Move the batch's staged windows into the result table, except those that are sealed already, and count the hits.
-- Run under the pipeline's row lock, so that sealed_until can't change. Inserting in order of time fills the index
-- faster.
WITH staged AS (
    SELECT
        s.window_start,
        s.window_end,
        s.host,
        s.referrer,
        s.num_hits,
        s.window_end <= p.sealed_until AS is_sealed
    FROM etl.staged_window AS s
    CROSS JOIN etl.pipeline AS p
    WHERE p.name = 'web_traffic' AND s.stage_id = any(%(stage_ids)s) -- noqa: RF02
),

moved AS (
    INSERT INTO public.aggregated_web_traffic (window_start, window_end, host, referrer, num_hits)
    SELECT
        window_start,
        window_end,
        host,
        referrer,
        num_hits
    FROM staged
    WHERE NOT is_sealed
    ORDER BY window_start
    RETURNING num_hits
)

SELECT
    (SELECT coalesce(sum(num_hits), 0)::bigint FROM staged) AS staged_hits,
    (SELECT count(*) FROM moved) AS windows,
    (SELECT coalesce(sum(num_hits), 0)::bigint FROM moved) AS emitted,
    (SELECT coalesce(sum(num_hits), 0)::bigint FROM staged WHERE is_sealed) AS superseded;
