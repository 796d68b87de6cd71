-- Restatements: runs that recount sealed windows, what each has changed, and the runs of a backfill that one has served.

ALTER TABLE etl.run
ADD COLUMN kind text NOT NULL DEFAULT 'live' CHECK (kind IN ('live', 'restate')),
ADD COLUMN restate_from timestamptz,
ADD COLUMN restate_to timestamptz,
ADD COLUMN allowed_lateness interval,
ADD COLUMN dry_run boolean,
ADD COLUMN closes_idle_windows boolean,
ADD COLUMN windows_checked bigint,
ADD COLUMN windows_changed bigint,
ADD COLUMN hits_before bigint,
ADD COLUMN hits_after bigint,
ADD COLUMN biggest_changes jsonb;
COMMENT ON COLUMN etl.run.name IS 'Name that the caller gave (RUN_NAME): under Airflow the run id of the DAG run; of a restatement with the DAG''s name before it';
COMMENT ON COLUMN etl.run.kind IS 'live: a run of the stream; restate: a recount of sealed windows, without books';
COMMENT ON COLUMN etl.run.restate_from IS 'First window that a restatement recounts; NULL for a live run, like all that follows';
COMMENT ON COLUMN etl.run.restate_to IS 'End of the last window that it recounts';
COMMENT ON COLUMN etl.run.allowed_lateness IS 'How long after its window''s end an event counts, by its Kafka timestamp';
COMMENT ON COLUMN etl.run.dry_run IS 'Whether it was only to say what would change';
COMMENT ON COLUMN etl.run.closes_idle_windows IS 'Whether it has sealed its windows, because no newer events came';
COMMENT ON COLUMN etl.run.windows_checked IS 'Rows compared: window, host and referrer';
COMMENT ON COLUMN etl.run.windows_changed IS 'Rows that differ, and were changed unless it was a dry run';
COMMENT ON COLUMN etl.run.hits_before IS 'Hits of the interval before';
COMMENT ON COLUMN etl.run.hits_after IS 'Hits of the interval by the recount';
COMMENT ON COLUMN etl.run.biggest_changes IS 'The ten rows with the largest difference';

CREATE INDEX run_restated ON etl.run (restate_to, restate_from) WHERE kind = 'restate';

CREATE TABLE etl.restatement (
    run_id bigint NOT NULL REFERENCES etl.run,
    window_start timestamptz NOT NULL,
    host text NOT NULL,
    referrer text,
    old_hits bigint,
    new_hits bigint,
    change text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN old_hits IS NULL THEN 'new' WHEN new_hits IS NULL THEN 'vanished' ELSE 'changed' END
    ) STORED,
    reason text NOT NULL CHECK (reason IN ('late events', 'idle window closed', 'not in the events')),
    restated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE etl.restatement IS 'Every row of aggregated_web_traffic that a restatement has changed, with its old and its new value';
COMMENT ON COLUMN etl.restatement.run_id IS 'The restatement, in etl.run';
COMMENT ON COLUMN etl.restatement.window_start IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.restatement.host IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.restatement.referrer IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.restatement.old_hits IS 'Hits before; NULL when there was no row';
COMMENT ON COLUMN etl.restatement.new_hits IS 'Hits since; NULL when there is no row any more';
COMMENT ON COLUMN etl.restatement.change IS 'new, changed or vanished';
COMMENT ON COLUMN etl.restatement.reason IS 'late events: came when the window was closed; idle window closed: no newer event came; not in the events: hits without records';
COMMENT ON COLUMN etl.restatement.restated_at IS 'When it was changed';

CREATE INDEX restatement_by_run ON etl.restatement (run_id);
CREATE INDEX restatement_by_window ON etl.restatement (window_start);

CREATE UNLOGGED TABLE etl.staged_restatement (
    stage_id uuid NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    host text NOT NULL,
    referrer text,
    num_hits bigint NOT NULL
);
COMMENT ON TABLE etl.staged_restatement IS 'Recounted windows on their way: Spark tasks copy their shares here, one transaction compares and replaces; empty in between';
COMMENT ON COLUMN etl.staged_restatement.stage_id IS 'The task attempt that copied the row; rows of attempts that failed are never used';
COMMENT ON COLUMN etl.staged_restatement.window_start IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.staged_restatement.window_end IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.staged_restatement.host IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.staged_restatement.referrer IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.staged_restatement.num_hits IS 'As in aggregated_web_traffic';

CREATE TABLE etl.shared_restatement (
    run_name text PRIMARY KEY,
    run_id bigint NOT NULL REFERENCES etl.run,
    shared_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE etl.shared_restatement IS 'Runs of a backfill whose interval a neighbour has restated along with its own; each takes its row away';
COMMENT ON COLUMN etl.shared_restatement.run_name IS 'The run that need not restate any more, and how often it was cleared: a repeated run restates anew';
COMMENT ON COLUMN etl.shared_restatement.run_id IS 'The restatement that has served it, in etl.run';
COMMENT ON COLUMN etl.shared_restatement.shared_at IS 'When it was served';

CREATE VIEW etl.sealing AS
SELECT
    b.query_id,
    b.batch_id,
    b.planned_at,
    c.fingerprint,
    b.start_offsets,
    b.end_offsets,
    b.watermark,
    coalesce(
        max(b.watermark) OVER (ORDER BY b.committed_at ASC, b.batch_id ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        'epoch'
    ) AS sealed_before
FROM etl.batch AS b
INNER JOIN etl.checkpoint AS c ON b.query_id = c.query_id;
COMMENT ON VIEW etl.sealing IS 'Which windows each batch of the ledger has sealed: those that end after sealed_before, up to its watermark';
COMMENT ON COLUMN etl.sealing.query_id IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.batch_id IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.planned_at IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.fingerprint IS 'What the batch was counted with, as in etl.checkpoint';
COMMENT ON COLUMN etl.sealing.start_offsets IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.end_offsets IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.watermark IS 'As in etl.batch';
COMMENT ON COLUMN etl.sealing.sealed_before IS 'Newest watermark of the batches before: windows that end by then were closed to the batch; 1970 before the first watermark';

GRANT SELECT ON etl.restatement, etl.staged_restatement, etl.shared_restatement, etl.sealing TO web_traffic_writer, web_traffic_reader;
GRANT INSERT ON etl.restatement TO web_traffic_writer;
GRANT INSERT, TRUNCATE ON etl.staged_restatement TO web_traffic_writer;
GRANT INSERT, DELETE ON etl.shared_restatement TO web_traffic_writer;
GRANT UPDATE (num_hits), DELETE ON public.aggregated_web_traffic TO web_traffic_writer;
