-- Let no statement of a run, a check, a restatement or the page read all runs of the past. Each batch keeps what was
-- sealed before it, which was found by a look at all batches before.

ALTER TABLE etl.batch ADD COLUMN sealed_before timestamptz NOT NULL DEFAULT '1970-01-01 00:00Z';
COMMENT ON COLUMN etl.batch.sealed_before IS 'Newest watermark of the batches before: windows that end by then were closed to the batch; 1970 before the first watermark';

UPDATE etl.batch AS b
SET sealed_before = found.sealed_before
FROM (
    SELECT
        query_id,
        batch_id,
        max(watermark) OVER (ORDER BY committed_at ASC, batch_id ASC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS sealed_before
    FROM etl.batch
) AS found
WHERE b.query_id = found.query_id AND b.batch_id = found.batch_id AND found.sealed_before IS NOT NULL;

CREATE OR REPLACE VIEW etl.sealing AS
SELECT
    b.query_id,
    b.batch_id,
    b.planned_at,
    c.fingerprint,
    b.start_offsets,
    b.end_offsets,
    b.watermark,
    b.sealed_before,
    b.max_clock_skew,
    b.oldest_kafka_ms,
    b.newest_kafka_ms,
    b.read
FROM etl.batch AS b
INNER JOIN etl.checkpoint AS c ON b.query_id = c.query_id;

CREATE INDEX batch_by_plan ON etl.batch (planned_at);
CREATE INDEX batch_by_seal ON etl.batch (sealed_before);
CREATE INDEX batch_by_skew ON etl.batch (max_clock_skew);
CREATE INDEX batch_with_gap ON etl.batch (planned_at) WHERE gap IS NOT NULL;

CREATE INDEX run_open ON etl.run (kind) WHERE status = 'running';
CREATE INDEX run_closed ON etl.run (query_id, last_batch) WHERE status = 'succeeded';
CREATE INDEX run_sealed ON etl.run (run_id) WHERE kind = 'live' AND status = 'succeeded' AND sealed_until > '-infinity';
CREATE INDEX run_restating ON etl.run (run_id) WHERE kind = 'restate';
CREATE INDEX run_closing_idle ON etl.run (known_query_id) WHERE closes_idle_windows;

CREATE INDEX quality_result_by_time ON etl.quality_result (checked_at);
CREATE INDEX alert_by_time ON etl.alert (last_at);
CREATE INDEX alert_by_failure ON etl.alert USING gin (failure_ids);
