-- A ledger of so many runs, the newest of which has just ended, with all that comes with them: a batch, closed books
-- and 15 results of quality rules each; a restatement a day; an incident every hundred runs. The result table has the
-- last eight days, whose rows are the same however many runs there are.
INSERT INTO etl.checkpoint (query_id, fingerprint, registered_at) VALUES (
    '6f1d1f3e-0000-4000-8000-000000000000',
    '{"topic": "bench", "topic id": "bench", "window": "5 minutes", "watermark delay": "1 minute", "keys": "window, host, referrer"}',
    now() - %(runs)s * interval '5 minutes'
);
INSERT INTO etl.run (
    name, kind, status, started_at, ended_at, query_id, first_batch, last_batch, open_before, read, rejected, future, late,
    superseded, emitted, open_after, windows, dropped_rows, watermark, sealed_until, last_records, phases, max_clock_skew,
    restate_from, restate_to, allowed_lateness, dry_run, closes_idle_windows, windows_checked, windows_changed, hits_before,
    hits_after, known_query_id, known_batch
)
SELECT
    'web_traffic/scheduled__' || m.at,
    CASE WHEN m.is_live THEN 'live' ELSE 'restate' END,
    'succeeded',
    m.at,
    m.at + interval '9 seconds',
    l.query_id,
    CASE WHEN m.is_live THEN n END,
    CASE WHEN m.is_live THEN n END,
    CASE WHEN m.is_live THEN 700 END,
    CASE WHEN m.is_live THEN 17000 END,
    50, 20, 5, 0, 16900, 725, 2315, 1,
    m.at - interval '6 minutes',
    m.at - interval '6 minutes',
    CASE WHEN m.is_live THEN jsonb_build_object('0', jsonb_build_array(n * 4000 + 3999, 0, 'digest')) END,
    '{"start": 4.5, "batches": 4}',
    interval '5 minutes',
    r.at - interval '2 days',
    r.at - interval '1 day',
    interval '1 day',
    CASE WHEN NOT m.is_live THEN FALSE END,
    CASE WHEN NOT m.is_live THEN FALSE END,
    600000, 20, 2600000, 2600020,
    r.query_id,
    CASE WHEN NOT m.is_live THEN n - 1 END
FROM generate_series(1, %(runs)s) AS n
CROSS JOIN LATERAL (SELECT now() - (%(runs)s - n) * interval '5 minutes' AS at, n %% 288 <> 200 AS is_live) AS m
LEFT JOIN LATERAL (SELECT '6f1d1f3e-0000-4000-8000-000000000000'::uuid AS query_id) AS l ON m.is_live
LEFT JOIN LATERAL (
    SELECT '6f1d1f3e-0000-4000-8000-000000000000'::uuid AS query_id, date_bin('1 day', m.at, '1970-01-01 00:00Z') AS at
) AS r ON NOT m.is_live;
INSERT INTO etl.batch (
    query_id, batch_id, run_id, planned_at, start_offsets, end_offsets, watermark, windows, emitted, superseded, read,
    rejected, future, committed_at, max_clock_skew, oldest_kafka_ms, newest_kafka_ms, sealed_before
)
SELECT
    query_id, last_batch, run_id, started_at + interval '4 seconds',
    jsonb_build_object('0', last_batch * 4000, '1', last_batch * 4000, '2', last_batch * 4000, '3', last_batch * 4000),
    jsonb_build_object('0', last_batch * 4000 + 4000, '1', last_batch * 4000 + 4000, '2', last_batch * 4000 + 4000, '3', last_batch * 4000 + 4000),
    watermark, windows, emitted, superseded, read, rejected, future, ended_at, max_clock_skew,
    floor(extract(EPOCH FROM started_at - interval '5 minutes') * 1000), floor(extract(EPOCH FROM started_at) * 1000),
    coalesce(lag(watermark) OVER (ORDER BY run_id), '1970-01-01 00:00Z')
FROM etl.run
WHERE kind = 'live';
UPDATE etl.pipeline
SET run_id = newest.run_id, sealed_until = newest.sealed_until
FROM (SELECT run_id, sealed_until FROM etl.run ORDER BY run_id DESC LIMIT 1) AS newest;
INSERT INTO etl.quality_result (
    checked_at, run_name, run_id, since, until, table_name, rule, dimension, severity, status, condition, observed, checked,
    offenders, sample
)
SELECT
    r.ended_at, r.name, r.run_id, r.sealed_until - interval '5 minutes', r.sealed_until, 'aggregated_web_traffic', 'rule_' || rule,
    'validity', 'warn', CASE WHEN r.run_id %% 15 = rule THEN 'warned' ELSE 'passed' END, 'no offender', 0, 2315, 0, '[]'
FROM etl.run AS r
CROSS JOIN generate_series(1, 15) AS rule
WHERE r.kind = 'live'
ORDER BY r.run_id, rule;
INSERT INTO etl.restatement (run_id, window_start, host, referrer, old_hits, new_hits, reason)
SELECT run_id, restate_from + i * interval '5 minutes', 'www.site-1.example', NULL, 1, 2, 'late events'
FROM etl.run
CROSS JOIN generate_series(0, 19) AS i
WHERE kind = 'restate';
INSERT INTO etl.alert (
    key, severity, title, error, next_step, run_name, links, failure_ids, first_at, last_at, resolved_at, channels, unsent
)
SELECT
    'web_traffic/aggregate', 'error', 'Task failed', 'an error', 'a step', name, '{}', ARRAY[name || ' 1'], ended_at, ended_at,
    ended_at + interval '5 minutes', ARRAY['mail'], '{}'
FROM etl.run
WHERE run_id %% 100 = 0;
INSERT INTO public.aggregated_web_traffic (window_start, window_end, host, referrer, num_hits)
SELECT w.at, w.at + interval '5 minutes', 'www.site-' || i || '.example', NULL, 100
FROM generate_series(
    date_bin('5 minutes', now(), '1970-01-01 00:00Z') - interval '8 days', now() - interval '15 minutes', '5 minutes'
) AS w (at)
CROSS JOIN generate_series(1, 10) AS i;
INSERT INTO etl.rejected_event (topic_id, topic, partition, record_offset, kafka_timestamp, reason, value, rejected_at)
SELECT 'bench', 'bench', 0, n * 4000, now(), 'not JSON', 'x', now() - (%(runs)s - n) * interval '5 minutes'
FROM generate_series(1, %(runs)s) AS n;
