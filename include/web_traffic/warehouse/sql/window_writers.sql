-- What the windows of an interval were counted from, and how far those have read who have counted them: the batches that
-- have sealed them, and earlier restatements. A restatement must not know less.
WITH newest AS (SELECT fingerprint FROM etl.sealing ORDER BY sealed_before DESC, batch_id DESC LIMIT 1),

restated AS (
    SELECT end_offsets FROM etl.run
    WHERE
        kind = 'restate' AND status = 'succeeded' AND NOT dry_run
        AND restate_from < %(restate_to)s AND restate_to > %(restate_from)s -- noqa: RF02
)

SELECT s.fingerprint, s.end_offsets
FROM etl.sealing AS s
WHERE s.sealed_before < %(restate_to)s AND s.watermark >= %(first_end)s AND s.watermark > s.sealed_before
UNION ALL
SELECT newest.fingerprint, restated.end_offsets
FROM restated CROSS JOIN newest;
