-- Return the summary of the restatement that served this run along with its own, and delete the entry.
WITH taken AS (
    DELETE FROM etl.shared_restatement WHERE run_name = %(run_name)s RETURNING run_id
)

SELECT to_jsonb(run.*) AS summary
FROM etl.run AS run INNER JOIN taken ON run.run_id = taken.run_id;
