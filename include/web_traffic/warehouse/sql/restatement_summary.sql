-- The newest record of a restatement by its name.
SELECT jsonb_strip_nulls(to_jsonb(run.*)) AS summary FROM etl.run AS run
WHERE run.name = %(name)s AND run.kind = 'restate'
ORDER BY run.run_id DESC
LIMIT 1;
