-- Events that were rejected in the range, by bucket and reason, and how many of them went back to the topic. `at` is in
-- seconds since 1970.
SELECT
    extract(EPOCH FROM date_bin(%(bucket)s, rejected_at, '1970-01-01 00:00Z'))::bigint AS at,
    reason,
    count(*) AS events,
    count(redrive_id) AS redriven
FROM etl.rejected_event
WHERE rejected_at >= %(range_start)s AND rejected_at < %(range_end)s
GROUP BY at, reason;
