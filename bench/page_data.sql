-- Ten million rows of the result table, over 15 days that end now; a year of runs, 300,000 rejected events,
-- 65,000 results of quality rules and 110,000 restated rows.
-- The sums that triggers keep are made at the end, all at once; the caller does the same with the unique index.
SET statement_timeout = 0;
ALTER TABLE public.aggregated_web_traffic DISABLE TRIGGER USER;
INSERT INTO public.aggregated_web_traffic (window_start, window_end, host, referrer, num_hits)
SELECT
    w.at,
    w.at + interval '5 minutes',
    'www.site-' || CASE WHEN i % 23 = 0 THEN i / 23 ELSE floor(100 * power(i / 2315.0, 2.5)) END || '.example',
    CASE WHEN i % 23 > 0 THEN 'https://www.site-' || i * 7 % 108 || '.example/some/page/' || i END,
    1 + (i * 31 + extract(EPOCH FROM w.at)::bigint / 300) % 7
FROM generate_series(
    date_bin('5 minutes', now(), '1970-01-01 00:00Z') - interval '15 days', now() - interval '10 minutes', '5 minutes'
) AS w (at)
CROSS JOIN generate_series(0, 2314) AS i;
ALTER TABLE public.aggregated_web_traffic ENABLE TRIGGER USER;
INSERT INTO etl.hits_by_host (window_start, host, num_hits)
SELECT window_start, host, sum(num_hits) FROM public.aggregated_web_traffic GROUP BY window_start, host ORDER BY window_start;
INSERT INTO etl.hits_by_site (window_start, site, num_hits)
SELECT window_start, etl.referring_site(referrer) AS site, sum(num_hits) FROM public.aggregated_web_traffic
GROUP BY window_start, site ORDER BY window_start;
UPDATE etl.pipeline SET sealed_until = (SELECT max(window_end) FROM public.aggregated_web_traffic);
INSERT INTO etl.run (
    name, status, started_at, ended_at, open_before, read, rejected, future, late, superseded, emitted, open_after, windows,
    sealed_until, phases
)
SELECT
    'web_traffic/scheduled__' || at, 'succeeded', at, at + interval '9 seconds', 700, 17000, 50, 20, 5, 0, 16900, 725, 2315,
    at - interval '6 minutes', '{"start": 4.5, "batches": 4}'
FROM generate_series(now() - interval '1 year', now(), '5 minutes') AS at;
INSERT INTO etl.batch (
    query_id, batch_id, run_id, planned_at, start_offsets, end_offsets, windows, emitted, superseded, committed_at
)
SELECT
    '6f1d1f3e-0000-4000-8000-000000000000', run_id, run_id, started_at,
    jsonb_build_object('0', run_id * 4000, '1', run_id * 4000, '2', run_id * 4000, '3', run_id * 4000),
    jsonb_build_object('0', run_id * 4000 + 4000, '1', run_id * 4000 + 4100, '2', run_id * 4000 + 4200, '3', run_id * 4000 + 4700),
    2315, 16900, 0, ended_at
FROM etl.run;
INSERT INTO etl.rejected_event (topic_id, topic, partition, record_offset, kafka_timestamp, reason, value, rejected_at)
SELECT
    'bench', 'bench', i % 4, i, now(), (ARRAY['not JSON', 'host missing', 'from the future'])[1 + i % 3],
    convert_to(repeat('{"host": 1} ', 50), 'UTF8'), now() - i * interval '4.3 seconds'
FROM generate_series(0, 299999) AS i;
INSERT INTO etl.quality_result (
    checked_at, run_name, table_name, rule, dimension, severity, status, condition, observed, checked, offenders, sample
)
SELECT
    c.at, 'web_traffic/scheduled__' || c.at, 'aggregated_web_traffic', 'rule_' || r, 'validity', 'warn',
    CASE WHEN extract(MINUTE FROM c.at) / 5 = r THEN 'warned' ELSE 'passed' END, 'no offender', 0, 2315, 0,
    '[{"host": "www.site-1.example", "num_hits": 3}]'
FROM generate_series(now() - interval '15 days', now(), '5 minutes') AS c (at)
CROSS JOIN generate_series(1, 15) AS r;
INSERT INTO etl.run (
    name, kind, status, started_at, ended_at, restate_from, restate_to, dry_run, windows_checked, windows_changed, hits_before,
    hits_after
)
SELECT
    'web_traffic_restatement/scheduled__' || at, 'restate', 'succeeded', at, at + interval '1 minute', at - interval '1 day',
    at, FALSE, 600000, 10000, 2600000, 2610000
FROM generate_series(now() - interval '10 days', now(), '1 day') AS at;
INSERT INTO etl.restatement (run_id, window_start, host, referrer, old_hits, new_hits, reason)
SELECT
    r.run_id, date_bin('5 minutes', r.restate_from, '1970-01-01 00:00Z') + i / 35 * interval '5 minutes',
    'www.site-' || i % 100 || '.example', 'https://www.site-1.example/some/page/' || i, 1, 2, 'late events'
FROM etl.run AS r
CROSS JOIN generate_series(0, 9999) AS i
WHERE r.kind = 'restate';
