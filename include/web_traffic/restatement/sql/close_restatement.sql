-- End a restatement with the figures of its changes; those of a dry run were rolled back.
UPDATE etl.run AS run
SET
    status = 'succeeded',
    ended_at = now(),
    windows_checked = %(windows_checked)s,
    windows_changed = %(windows_changed)s,
    hits_before = %(hits_before)s,
    hits_after = %(hits_after)s,
    biggest_changes = %(biggest_changes)s,
    sealed_until = (SELECT nullif(p.sealed_until, '-infinity') FROM etl.pipeline AS p WHERE p.name = 'web_traffic'),
    phases = %(phases)s
WHERE run.run_id = %(run_id)s
RETURNING to_jsonb(run.*);
