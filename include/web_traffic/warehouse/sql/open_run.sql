-- Begin a run. The pipeline has one writer, so a run that is still open has ended without saying so.
WITH ended AS (
    UPDATE etl.run
    SET status = 'failed', ended_at = now(), error = 'ended without closing its books'
    WHERE status = 'running'
)

INSERT INTO etl.run (name) VALUES (%(name)s) RETURNING run_id;
