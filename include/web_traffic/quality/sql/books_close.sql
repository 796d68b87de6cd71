-- The newest live run that has ended, if it did not account for every record: late is what the books leave over, so it
-- can't be negative, and Spark must report dropped rows exactly when something is late.
SELECT newest.name, newest.status, newest.read, newest.late, newest.dropped_rows, newest.error
FROM (SELECT * FROM etl.run WHERE kind = 'live' AND status <> 'running' ORDER BY run_id DESC LIMIT 1) AS newest
WHERE newest.status <> 'succeeded' OR newest.late < 0 OR (newest.late = 0) <> (newest.dropped_rows = 0);
