-- Compare the staged windows with the rows of the interval, and enter each difference. Returns the figures of both
-- sides, and the number of differences of each kind.
-- Only restatements change sealed windows, one at a time, so this needs no lock on the pipeline.
WITH both_sides AS (
    SELECT
        w.window_start,
        w.host,
        w.referrer,
        w.num_hits AS old_hits,
        NULL::bigint AS new_hits
    FROM public.aggregated_web_traffic AS w
    WHERE w.window_start >= %(restate_from)s AND w.window_start < %(restate_to)s
    UNION ALL
    SELECT
        s.window_start,
        s.host,
        s.referrer,
        NULL::bigint AS old_hits,
        s.num_hits AS new_hits
    FROM etl.staged_restatement AS s
    WHERE s.stage_id = any(%(stage_ids)s) -- noqa: RF02
),

compared AS (
    SELECT
        window_start,
        host,
        referrer,
        sum(old_hits)::bigint AS old_hits,
        sum(new_hits)::bigint AS new_hits
    FROM both_sides
    GROUP BY window_start, host, referrer
),

entered AS (
    INSERT INTO etl.restatement (run_id, window_start, host, referrer, old_hits, new_hits, reason)
    SELECT
        %(run_id)s,
        window_start,
        host,
        referrer,
        old_hits,
        new_hits,
        CASE
            WHEN coalesce(new_hits, 0) < coalesce(old_hits, 0) THEN 'not in the events'
            WHEN %(closes_idle_windows)s THEN 'idle window closed'
            ELSE 'late events'
        END AS reason
    FROM compared
    WHERE old_hits IS DISTINCT FROM new_hits
    RETURNING change
)

SELECT
    (SELECT count(*) FROM compared) AS windows_checked,
    (SELECT count(*) FROM compared WHERE old_hits IS DISTINCT FROM new_hits) AS windows_changed,
    (SELECT coalesce(sum(old_hits), 0)::bigint FROM compared) AS hits_before,
    (SELECT coalesce(sum(new_hits), 0)::bigint FROM compared) AS hits_after,
    (SELECT count(*) FROM entered) AS entered,
    (SELECT count(*) FROM entered WHERE change = 'vanished') AS vanished,
    (SELECT count(*) FROM entered WHERE change = 'changed') AS changed,
    (SELECT count(*) FROM entered WHERE change = 'new') AS new;
