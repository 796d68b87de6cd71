-- Take the row lock that orders all commits to the result table, and return the run that the pipeline belongs to.
-- The transaction holds the lock until it ends.
SELECT p.run_id, r.name, r.started_at
FROM etl.pipeline AS p
LEFT JOIN etl.run AS r ON p.run_id = r.run_id
WHERE p.name = 'web_traffic'
FOR UPDATE OF p;
