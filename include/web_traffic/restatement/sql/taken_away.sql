-- How many rows would lose hits by a restatement, and how many hits.
SELECT
    count(*) AS rows,
    coalesce(sum(r.old_hits - coalesce(r.new_hits, 0)), 0)::bigint AS hits
FROM etl.restatement AS r
WHERE r.run_id = %(run_id)s AND coalesce(r.new_hits, 0) < coalesce(r.old_hits, 0);
