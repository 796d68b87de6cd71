-- The time at which a live run was checked last, if it is longer ago than the deadline. Nothing is overdue before the
-- first check, or while an incident of the DAG's tasks is open: that explains why no newer run was checked. A redrive or
-- a restatement that has failed explains nothing: it stops only its own run, and its incident may stay open for long.
WITH newest AS (
    SELECT max(checked_at) AS checked_at FROM etl.newest_check
)

SELECT n.checked_at
FROM newest AS n
WHERE
    n.checked_at < now() - %(deadline)s
    AND NOT EXISTS (
        SELECT 1 FROM etl.alert AS a
        WHERE
            a.resolved_at IS NULL
            AND a.severity = 'error'
            AND (a.key = 'web_traffic' OR a.key LIKE 'web_traffic/%%')
            AND a.key !~ '^web_traffic/(standstill|form|redrive|restate|check_quality/.)'
    );
