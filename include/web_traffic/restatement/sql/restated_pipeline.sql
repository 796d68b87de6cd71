-- sealed_until, the time before which retention deleted windows, and the newest batch in the ledger. Run under the pipeline's row lock.
WITH batch AS (SELECT * FROM etl.batch ORDER BY committed_at DESC, batch_id DESC LIMIT 1)

SELECT
    nullif(p.sealed_until, '-infinity') AS sealed_until,
    p.windows_kept_from,
    b.query_id,
    b.batch_id
FROM etl.pipeline AS p
LEFT JOIN batch AS b ON true
WHERE p.name = 'web_traffic';
