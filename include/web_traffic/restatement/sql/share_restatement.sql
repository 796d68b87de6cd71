-- Enter a run that the restatement has served along with its own; rows that nobody has taken for a week go.
WITH forgotten AS (
    DELETE FROM etl.shared_restatement WHERE shared_at < now() - interval '7 days'
)

INSERT INTO etl.shared_restatement (run_name, run_id) VALUES (%(run_name)s, %(run_id)s)
ON CONFLICT (run_name) DO NOTHING;
