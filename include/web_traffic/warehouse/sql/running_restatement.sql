-- The restatement that is under way, for the message that another one can't start.
SELECT r.run_id, r.name, r.started_at FROM etl.run AS r WHERE r.kind = 'restate' ORDER BY r.run_id DESC LIMIT 1;
