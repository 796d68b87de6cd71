-- Note what a restatement recounts, and from which records.
UPDATE etl.run
SET
    restate_from = %(restate_from)s,
    restate_to = %(restate_to)s,
    start_offsets = %(start_offsets)s,
    end_offsets = %(end_offsets)s
WHERE run_id = %(run_id)s;
