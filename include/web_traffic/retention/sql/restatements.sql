-- Delete the old and new values that old restatements have left; their totals are in etl.run.
DELETE FROM etl.restatement
WHERE ctid IN (
    SELECT c.ctid
    FROM etl.restatement AS c
    INNER JOIN etl.run AS r ON c.run_id = r.run_id
    WHERE r.kind = 'restate' AND r.started_at < %(cutoff)s -- noqa: RF02
    LIMIT %(at_once)s -- noqa: AM09
);
