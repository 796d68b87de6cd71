-- The newest run accounts for every record. Late is the remainder of the books, so it can't be negative. Spark must
-- report dropped rows exactly if something is late (dropped_rows is NULL if Spark's own number is not known).
SELECT
    r.name,
    r.status,
    r.read,
    r.late,
    r.dropped_rows,
    r.error,
    r.status <> 'succeeded'
    OR r.late IS NULL
    OR r.late < 0
    OR coalesce((r.late = 0) <> (r.dropped_rows = 0), FALSE) AS is_offender
FROM scope
INNER JOIN etl.run AS r ON scope.run_id = r.run_id;
