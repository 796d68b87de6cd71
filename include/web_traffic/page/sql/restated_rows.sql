-- The rows that one restatement changed, the largest differences first.
SELECT
    window_start,
    host,
    referrer,
    old_hits,
    new_hits,
    change,
    reason,
    restated_at
FROM etl.restatement
WHERE run_id = %(run_id)s
ORDER BY abs(coalesce(new_hits, 0) - coalesce(old_hits, 0)) DESC, window_start ASC, host ASC, referrer ASC
LIMIT %(listed)s;
