-- The results of a run's newest check, of which not many others have been kept since.
WITH newest AS (SELECT * FROM etl.quality_result ORDER BY result_id DESC LIMIT 1000)

SELECT n.rule, n.severity, n.status, n.observed, n.condition
FROM newest AS n
WHERE
    n.run_name = %(run_name)s
    AND n.checked_at = (SELECT max(o.checked_at) FROM newest AS o WHERE o.run_name = %(run_name)s) -- noqa: RF02
ORDER BY n.rule;
