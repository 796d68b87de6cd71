-- The result table, the ledger of batches and runs, and who may do what with them.
-- Assumes that the roles web_traffic_writer and web_traffic_reader exist (see roles.sql) and that the database is UTF-8.

CREATE TABLE public.aggregated_web_traffic (
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    host text NOT NULL,
    referrer text,
    num_hits bigint NOT NULL CHECK (num_hits > 0),
    CHECK (window_end = window_start + interval '5 minutes')
);
COMMENT ON TABLE public.aggregated_web_traffic IS 'Hits per 5-minute window of event time, host and referrer; a row appears when its window is closed';
COMMENT ON COLUMN public.aggregated_web_traffic.window_start IS 'First instant of the window, inclusive';
COMMENT ON COLUMN public.aggregated_web_traffic.window_end IS 'End of the window, exclusive: window_start plus 5 minutes';
COMMENT ON COLUMN public.aggregated_web_traffic.host IS 'Host that was visited, as in the event';
COMMENT ON COLUMN public.aggregated_web_traffic.referrer IS 'Referrer as in the event; NULL when the event had none';
COMMENT ON COLUMN public.aggregated_web_traffic.num_hits IS 'Number of events';

-- The key goes through a digest: a b-tree entry holds 2,704 bytes, a referrer can be longer. The length in front keeps
-- (host, referrer) unambiguous, the equals sign tells '' from NULL, and the doubled backslash makes the cast to bytea
-- take every character as it is.
CREATE UNIQUE INDEX aggregated_web_traffic_key ON public.aggregated_web_traffic (
    window_start,
    sha256(replace(length(host) || ':' || host || coalesce('=' || referrer, ''), '\', '\\')::bytea)
);
COMMENT ON INDEX public.aggregated_web_traffic_key IS 'One row per window, host and referrer; NULL is a referrer of its own';

CREATE TABLE etl.pipeline (
    name text PRIMARY KEY,
    sealed_until timestamptz NOT NULL DEFAULT '-infinity',
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE etl.pipeline IS 'One row per pipeline; its row lock orders all commits to the result table';
COMMENT ON COLUMN etl.pipeline.name IS 'Name of the pipeline';
COMMENT ON COLUMN etl.pipeline.sealed_until IS 'Watermark of the newest committed batch: windows that end here or earlier are never written by the live stream again';
COMMENT ON COLUMN etl.pipeline.updated_at IS 'When a batch was committed last';
INSERT INTO etl.pipeline (name) VALUES ('web_traffic');

CREATE TABLE etl.run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed')),
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    query_id uuid,
    first_batch bigint,
    last_batch bigint,
    start_offsets jsonb,
    end_offsets jsonb,
    open_before bigint,
    read bigint,
    rejected bigint,
    future bigint,
    late bigint,
    superseded bigint,
    emitted bigint,
    open_after bigint,
    dropped_rows bigint,
    windows bigint,
    watermark timestamptz,
    sealed_until timestamptz,
    phases jsonb,
    error text
);
COMMENT ON TABLE etl.run IS 'One row per run of the Spark application, with its books: open_before + read = rejected + future + late + superseded + emitted + open_after';
COMMENT ON COLUMN etl.run.run_id IS 'Number of the run; a retry is a run of its own';
COMMENT ON COLUMN etl.run.name IS 'Name that the caller gave (RUN_NAME): under Airflow the run id of the DAG run';
COMMENT ON COLUMN etl.run.status IS 'running, succeeded or failed; a run that was killed stays running until the next one starts';
COMMENT ON COLUMN etl.run.started_at IS 'When the application began';
COMMENT ON COLUMN etl.run.ended_at IS 'When its books were written';
COMMENT ON COLUMN etl.run.query_id IS 'Id of the streaming query: one per checkpoint';
COMMENT ON COLUMN etl.run.first_batch IS 'First micro-batch that the run brought to its end; NULL when nothing was new';
COMMENT ON COLUMN etl.run.last_batch IS 'Last micro-batch of the run';
COMMENT ON COLUMN etl.run.start_offsets IS 'First offset read, by partition';
COMMENT ON COLUMN etl.run.end_offsets IS 'Offset after the last one read, by partition';
COMMENT ON COLUMN etl.run.open_before IS 'Hits in open windows before the run';
COMMENT ON COLUMN etl.run.read IS 'Kafka records read';
COMMENT ON COLUMN etl.run.rejected IS 'Records that are no valid event';
COMMENT ON COLUMN etl.run.future IS 'Events too far ahead of their Kafka timestamp';
COMMENT ON COLUMN etl.run.late IS 'Events dropped because the watermark had passed their window: what the other figures leave over';
COMMENT ON COLUMN etl.run.superseded IS 'Hits of closed windows that were sealed already and so were not written';
COMMENT ON COLUMN etl.run.emitted IS 'Hits written to aggregated_web_traffic';
COMMENT ON COLUMN etl.run.open_after IS 'Hits in open windows after the run, read from the state store';
COMMENT ON COLUMN etl.run.dropped_rows IS 'Pre-counted rows that Spark reports as dropped by the watermark; zero exactly when late is zero';
COMMENT ON COLUMN etl.run.windows IS 'Rows written to aggregated_web_traffic';
COMMENT ON COLUMN etl.run.watermark IS 'Watermark of the last batch; NULL before there was one';
COMMENT ON COLUMN etl.run.sealed_until IS 'sealed_until of the pipeline at the end of the run';
COMMENT ON COLUMN etl.run.phases IS 'Seconds by phase of the run';
COMMENT ON COLUMN etl.run.error IS 'First line of the error of a failed run';

CREATE TABLE etl.batch (
    query_id uuid NOT NULL,
    batch_id bigint NOT NULL,
    run_id bigint NOT NULL REFERENCES etl.run,
    planned_at timestamptz NOT NULL,
    start_offsets jsonb NOT NULL,
    end_offsets jsonb NOT NULL,
    watermark timestamptz,
    windows bigint NOT NULL,
    emitted bigint NOT NULL,
    superseded bigint NOT NULL,
    read bigint,
    rejected bigint,
    future bigint,
    committed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (query_id, batch_id)
);
COMMENT ON TABLE etl.batch IS 'Ledger: a row means that the batch is in aggregated_web_traffic, whole, and is never written again';
COMMENT ON COLUMN etl.batch.query_id IS 'Id of the streaming query: batch numbers start again at 0 in a new checkpoint';
COMMENT ON COLUMN etl.batch.batch_id IS 'Number of the micro-batch within the query';
COMMENT ON COLUMN etl.batch.run_id IS 'Run that wrote the batch';
COMMENT ON COLUMN etl.batch.planned_at IS 'When Spark planned the batch: the clock by which an event is from the future';
COMMENT ON COLUMN etl.batch.start_offsets IS 'First offset of the batch, by partition';
COMMENT ON COLUMN etl.batch.end_offsets IS 'Offset after the last one of the batch, by partition';
COMMENT ON COLUMN etl.batch.watermark IS 'Watermark that the batch ran under; NULL before there was one';
COMMENT ON COLUMN etl.batch.windows IS 'Rows written to aggregated_web_traffic';
COMMENT ON COLUMN etl.batch.emitted IS 'Hits written to aggregated_web_traffic';
COMMENT ON COLUMN etl.batch.superseded IS 'Hits of closed windows that were sealed already and so were not written';
COMMENT ON COLUMN etl.batch.read IS 'Kafka records of the batch; NULL until the batch is through';
COMMENT ON COLUMN etl.batch.rejected IS 'Records that are no valid event; NULL until the batch is through';
COMMENT ON COLUMN etl.batch.future IS 'Events too far ahead of their Kafka timestamp; NULL until the batch is through';
COMMENT ON COLUMN etl.batch.committed_at IS 'When the batch was committed';

CREATE UNLOGGED TABLE etl.staged_window (
    stage_id uuid NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    host text NOT NULL,
    referrer text,
    num_hits bigint NOT NULL
);
COMMENT ON TABLE etl.staged_window IS 'Closed windows on their way: each Spark task copies its share here, then one transaction moves the batch; empty between batches';
COMMENT ON COLUMN etl.staged_window.stage_id IS 'The task attempt that copied the row; rows of attempts that failed are never moved';
COMMENT ON COLUMN etl.staged_window.window_start IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.staged_window.window_end IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.staged_window.host IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.staged_window.referrer IS 'As in aggregated_web_traffic';
COMMENT ON COLUMN etl.staged_window.num_hits IS 'As in aggregated_web_traffic';

GRANT USAGE ON SCHEMA etl TO web_traffic_writer, web_traffic_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA etl TO web_traffic_writer, web_traffic_reader;
GRANT SELECT, INSERT ON public.aggregated_web_traffic TO web_traffic_writer;
GRANT SELECT ON public.aggregated_web_traffic TO web_traffic_reader;
GRANT UPDATE ON etl.pipeline TO web_traffic_writer;
GRANT INSERT, UPDATE ON etl.run, etl.batch TO web_traffic_writer;
GRANT INSERT, TRUNCATE ON etl.staged_window TO web_traffic_writer;
