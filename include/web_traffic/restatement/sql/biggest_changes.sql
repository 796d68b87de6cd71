-- The ten rows that a restatement changes most, for people to look at; long hosts and referrers are cut.
SELECT coalesce(jsonb_agg(to_jsonb(biggest.*)), '[]') AS biggest_changes
FROM (
    SELECT
        r.window_start,
        left(r.host, 200) AS host,
        left(r.referrer, 200) AS referrer,
        r.old_hits,
        r.new_hits
    FROM etl.restatement AS r
    WHERE r.run_id = %(run_id)s
    ORDER BY abs(coalesce(r.new_hits, 0) - coalesce(r.old_hits, 0)) DESC, r.window_start ASC, r.host ASC, r.referrer ASC
    LIMIT 10
) AS biggest;
