-- Enter another run that the restatement served along with its own. Delete rows that nobody took for a week.
WITH forgotten AS (
    DELETE FROM etl.shared_restatement WHERE shared_at < now() - interval '7 days'
)

INSERT INTO etl.shared_restatement (run_name, run_id) VALUES (%(run_name)s, %(run_id)s)
ON CONFLICT (run_name) DO NOTHING;
