-- The newest row of a run, by its name and kind.
SELECT to_jsonb(run.*) FROM etl.run AS run WHERE run.name = %(name)s AND run.kind = %(kind)s ORDER BY run.run_id DESC LIMIT 1;
