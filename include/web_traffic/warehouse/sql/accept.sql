-- Record what a run accepts, before it reads: the gap that it may skip, and how far an event may be ahead.
UPDATE etl.run SET gap = %(gap)s, max_clock_skew = %(max_clock_skew)s WHERE run_id = %(run_id)s;
