-- Up to where windows are closed, and the hits of the open ones after the newest run with books; one row.
SELECT
    nullif(p.sealed_until, '-infinity') AS sealed_until,
    (
        SELECT r.open_after FROM etl.run AS r
        WHERE r.status = 'succeeded' AND r.open_after IS NOT NULL
        ORDER BY r.run_id DESC
        LIMIT 1
    ) AS open_hits
FROM etl.pipeline AS p
WHERE p.name = 'web_traffic';
