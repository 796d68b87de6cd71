-- Note what a run accepts, before it does: the gap that it may pass over, and how far an event may be ahead.
UPDATE etl.run SET gap = %(gap)s, max_clock_skew = %(max_clock_skew)s WHERE run_id = %(run_id)s;
