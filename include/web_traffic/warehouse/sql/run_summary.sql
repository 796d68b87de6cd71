-- The newest record of a live run by its name.
SELECT to_jsonb(run.*) FROM etl.run AS run WHERE run.name = %(name)s AND run.kind = 'live' ORDER BY run.run_id DESC LIMIT 1;
