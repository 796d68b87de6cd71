-- Up to where windows are closed, the hits of the open ones after the newest run with books, and from when windows are
-- kept if retention has deleted any; one row.
SELECT
    nullif(p.sealed_until, '-infinity') AS sealed_until,
    (
        SELECT r.open_after FROM etl.run AS r
        WHERE r.status = 'succeeded' AND r.open_after IS NOT NULL
        ORDER BY r.run_id DESC
        LIMIT 1
    ) AS open_hits,
    p.windows_kept_from AS kept_from
FROM etl.pipeline AS p
WHERE p.name = 'web_traffic';
