-- Find the restatement if it still runs, and let nobody end it before the transaction ends.
SELECT run_id
FROM etl.run
WHERE run_id = %(run_id)s AND started_at = %(started_at)s AND status = 'running'
FOR UPDATE;
