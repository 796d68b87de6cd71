-- Save the marks of a run, together with its batch: the next run recognises Kafka's log by them.
UPDATE etl.run SET query_id = %(query_id)s, last_records = %(last_records)s
WHERE run_id = %(run_id)s;
