-- Of the events that the newest run has rejected, those whose values were not kept.
WITH rejected AS (
    SELECT e.value IS NULL AND e.reason NOT IN ('null value', 'Kafka timestamp out of Spark''s range') AS is_cut
    FROM scope
    INNER JOIN etl.run AS r ON scope.run_id = r.run_id
    INNER JOIN etl.rejected_event AS e ON r.started_at <= e.rejected_at
)

SELECT count(*) FILTER (WHERE is_cut) AS observed, bool_or(is_cut) AS is_offender
FROM rejected
HAVING count(*) > 0;
