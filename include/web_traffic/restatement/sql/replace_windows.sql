-- Make the table say what the restatement has found; returns how many rows were deleted, updated and inserted.
WITH found AS (
    SELECT *
    FROM etl.restatement
    WHERE run_id = %(run_id)s
),

deleted AS (
    DELETE FROM public.aggregated_web_traffic AS w
    USING found AS f
    WHERE
        f.change = 'vanished'
        AND w.window_start = f.window_start AND w.host = f.host AND w.referrer IS NOT DISTINCT FROM f.referrer
    RETURNING 1
),

updated AS (
    UPDATE public.aggregated_web_traffic AS w
    SET num_hits = f.new_hits
    FROM found AS f
    WHERE
        f.change = 'changed'
        AND w.window_start = f.window_start AND w.host = f.host AND w.referrer IS NOT DISTINCT FROM f.referrer
    RETURNING 1
),

inserted AS (
    INSERT INTO public.aggregated_web_traffic (window_start, window_end, host, referrer, num_hits)
    SELECT
        window_start,
        window_start + %(window_length)s AS window_end,
        host,
        referrer,
        new_hits
    FROM found
    WHERE change = 'new'
    RETURNING 1
)

SELECT
    (SELECT count(*) FROM deleted) AS deleted,
    (SELECT count(*) FROM updated) AS updated,
    (SELECT count(*) FROM inserted) AS inserted;
