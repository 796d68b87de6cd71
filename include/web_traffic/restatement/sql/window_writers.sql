-- The fingerprints that the windows of an interval were counted with: those of the batches that sealed them, and that
-- of the newest batch if they were restated or are still open. The first of these batches found less sealed than the
-- end of the first window, and sealed_before never goes back.
WITH first_seal AS MATERIALIZED (
    SELECT max(b.sealed_before) AS sealed_before FROM etl.batch AS b WHERE b.sealed_before < %(first_end)s
),

newest AS (
    SELECT c.fingerprint
    FROM (SELECT query_id FROM etl.batch ORDER BY run_id DESC, batch_id DESC LIMIT 1) AS b
    INNER JOIN etl.checkpoint AS c ON b.query_id = c.query_id
)

SELECT s.fingerprint
FROM etl.sealing AS s
WHERE
    s.sealed_before >= (SELECT first_seal.sealed_before FROM first_seal)
    AND s.sealed_before < %(restate_to)s AND s.watermark >= %(first_end)s AND s.watermark > s.sealed_before
UNION
SELECT newest.fingerprint
FROM newest
WHERE EXISTS (
    SELECT 1 FROM etl.run AS r
    WHERE
        r.kind = 'restate' AND r.status = 'succeeded' AND NOT r.dry_run
        AND r.restate_from < %(restate_to)s AND r.restate_to > %(restate_from)s -- noqa: RF02
)
OR EXISTS (
    SELECT 1 FROM etl.pipeline AS p
    WHERE p.name = 'web_traffic' AND p.sealed_until < %(restate_to)s -- noqa: RF02
);
