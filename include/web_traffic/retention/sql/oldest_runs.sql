-- The last of the next runs to look at, all before the boundary; NULL if there are none.
SELECT max(n.run_id) AS last
FROM (
    SELECT r.run_id FROM etl.run AS r
    WHERE r.run_id > %(after)s AND r.run_id < %(boundary)s
    ORDER BY r.run_id
    LIMIT %(at_once)s
) AS n;
