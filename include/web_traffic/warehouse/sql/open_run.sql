-- Begin a live run, and let the pipeline belong to it. Run under the advisory lock: a run that still has the status
-- running was killed.
WITH ended AS (
    UPDATE etl.run
    SET status = 'failed', ended_at = now(), error = 'ended without closing its books'
    WHERE status = 'running' AND kind = 'live'
),

opened AS (
    INSERT INTO etl.run (name) VALUES (%(name)s) RETURNING run_id, started_at
)

UPDATE etl.pipeline SET run_id = opened.run_id FROM opened WHERE pipeline.name = 'web_traffic'
RETURNING opened.run_id, opened.started_at;
