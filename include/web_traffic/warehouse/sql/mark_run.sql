-- Keep with a run, and with its batch, by which records the log is recognised from now on.
UPDATE etl.run SET query_id = %(query_id)s, last_records = %(last_records)s
WHERE run_id = %(run_id)s;
