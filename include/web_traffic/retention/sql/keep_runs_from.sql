-- Note from which run on runs are kept, and return its number and its start: the first one since the cutoff, but at
-- least the newest runs that count. No row if there is nothing older.
WITH newest AS (
    SELECT min(n.run_id) AS run_id
    FROM (SELECT b.run_id FROM etl.batch AS b ORDER BY b.run_id DESC, b.batch_id DESC LIMIT %(newest)s) AS n
),

boundary AS (
    SELECT r.run_id, r.started_at
    FROM etl.run AS r
    WHERE r.run_id <= (SELECT newest.run_id FROM newest) AND r.started_at >= %(cutoff)s
    ORDER BY r.run_id
    LIMIT 1
),

last_resort AS (
    SELECT r.run_id, r.started_at FROM etl.run AS r INNER JOIN newest AS n ON r.run_id = n.run_id
),

chosen AS (
    SELECT * FROM boundary
    UNION ALL
    SELECT * FROM last_resort
    ORDER BY run_id
    LIMIT 1
)

UPDATE etl.pipeline AS p
SET runs_kept_from = greatest(p.runs_kept_from, c.started_at)
FROM chosen AS c
WHERE p.name = 'web_traffic' AND c.run_id > (SELECT min(r.run_id) FROM etl.run AS r)
RETURNING c.run_id, c.started_at;
