-- The last records that runs read of a topic, newest run first.
WITH about AS (
    SELECT cast(%(topic_id)s AS text) AS topic_id
),

newest AS (
    SELECT
        r.run_id,
        r.query_id,
        r.last_records
    FROM etl.run AS r
    WHERE r.last_records IS NOT NULL
    ORDER BY r.run_id DESC
    LIMIT %(most)s
)

SELECT n.last_records
FROM newest AS n
INNER JOIN etl.checkpoint AS c ON n.query_id = c.query_id
INNER JOIN about AS a ON c.fingerprint ->> 'topic id' = a.topic_id
ORDER BY n.run_id DESC;
