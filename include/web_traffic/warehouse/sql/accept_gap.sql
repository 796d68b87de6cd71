-- Note the gap that a run may pass over, before it does.
UPDATE etl.run SET gap = %(gap)s WHERE run_id = %(run_id)s;
