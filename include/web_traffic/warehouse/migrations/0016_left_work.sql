-- Whether a run has left work that needs no new record, so that nobody has to look into Spark's checkpoint for it.

ALTER TABLE etl.run ADD COLUMN left_work boolean;
COMMENT ON COLUMN etl.run.left_work IS 'Whether the run left work that needs no new record, such as windows that its newest events close; NULL if that is not known';
