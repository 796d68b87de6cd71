-- Open an incident, or count one more failure of the open one of its key. The task, the DAG and the watchdog can
-- report the same failure: it counts once, even if its incident is over by then. An incident about windows collects
-- those that failed.
INSERT INTO etl.alert AS a (
    key, severity, title, error, next_step, run_name, links, books, failure_ids, failures, first_at, last_at, channels, unsent,
    windows
)
SELECT
    %(key)s,
    %(severity)s,
    %(title)s,
    %(error)s,
    %(next_step)s,
    %(run_name)s,
    %(links)s,
    %(books)s,
    array_remove(ARRAY[%(failure)s::text], '') AS failure_ids,
    %(failures)s,
    %(at)s,
    %(last_at)s,
    %(channels)s,
    %(unsent)s,
    %(windows)s::tstzmultirange
WHERE NOT EXISTS (SELECT 1 FROM etl.alert AS known WHERE known.key = %(key)s AND known.failure_ids @> ARRAY[%(failure)s::text])
ON CONFLICT (key) WHERE resolved_at IS NULL DO UPDATE
    SET
        failures = a.failures + excluded.failures,
        last_at = excluded.last_at,
        failure_ids = a.failure_ids || excluded.failure_ids,
        title = excluded.title,
        error = excluded.error,
        next_step = excluded.next_step,
        run_name = excluded.run_name,
        links = excluded.links,
        books = excluded.books,
        windows = a.windows + excluded.windows;
