-- The share of the newest run's records that were dropped as too late. A share of fewer than 1,000
-- records says nothing.
SELECT
    r.name,
    r.read,
    r.late,
    r.late::double precision / r.read AS observed,
    r.late::double precision / r.read > scope.rule_limit AS is_offender
FROM scope
INNER JOIN etl.run AS r ON scope.run_id = r.run_id
WHERE r.read >= 1000;
