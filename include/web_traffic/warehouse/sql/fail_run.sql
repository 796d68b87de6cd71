-- End a run that failed, with the first line of its error.
UPDATE etl.run SET status = 'failed', ended_at = now(), error = %(error)s WHERE run_id = %(run_id)s;
