-- Begin a restatement. Run under the advisory lock of restatements: one that still has the status running was killed.
WITH ended AS (
    UPDATE etl.run
    SET status = 'failed', ended_at = now(), error = 'ended without having committed'
    WHERE status = 'running' AND kind = 'restate'
)

INSERT INTO etl.run (name, kind, allowed_lateness, dry_run, closes_idle_windows)
VALUES (%(name)s, 'restate', %(allowed_lateness)s, %(dry_run)s, %(closes_idle_windows)s)
RETURNING run_id, started_at;
