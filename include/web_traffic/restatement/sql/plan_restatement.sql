-- Note the interval of a restatement, and the records that it reads.
UPDATE etl.run
SET
    restate_from = %(restate_from)s,
    restate_to = %(restate_to)s,
    start_offsets = %(start_offsets)s,
    end_offsets = %(end_offsets)s,
    max_clock_skew = %(max_clock_skew)s,
    known_query_id = %(known_query_id)s,
    known_batch = %(known_batch)s
WHERE run_id = %(run_id)s;
