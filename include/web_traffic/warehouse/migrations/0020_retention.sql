-- What retention has deleted, so that no part of the pipeline takes it for missing.

ALTER TABLE etl.pipeline
ADD COLUMN windows_kept_from timestamptz,
ADD COLUMN runs_kept_from timestamptz;
COMMENT ON COLUMN etl.pipeline.windows_kept_from IS 'Windows that begin before were deleted by retention, or will be soon; NULL if none were';
COMMENT ON COLUMN etl.pipeline.runs_kept_from IS 'Batches of runs that began before were deleted by retention, or will be soon; NULL if none were';
