-- The run that the pipeline belongs to, for the message that another one can't start.
SELECT r.run_id, r.name, r.started_at
FROM etl.pipeline AS p
INNER JOIN etl.run AS r ON p.run_id = r.run_id
WHERE p.name = 'web_traffic';
