-- The session that holds an advisory lock of this database now. PostgreSQL hides when a session of another role began.
SELECT
    coalesce(nullif(a.application_name, ''), 'a session without a name') AS name,
    l.pid,
    coalesce(to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS UTC'), 'a time that PostgreSQL hides') AS connected_at
FROM pg_catalog.pg_locks AS l
INNER JOIN pg_catalog.pg_database AS d ON l.database = d.oid
LEFT JOIN pg_catalog.pg_stat_activity AS a ON l.pid = a.pid
WHERE
    d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
    AND l.classid = 0 AND l.objid = %(lock)s AND l.objsubid = 1; -- noqa: RF02
