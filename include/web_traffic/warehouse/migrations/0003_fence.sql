-- The fence: the pipeline belongs to its newest run, and only that run may commit.

ALTER TABLE etl.pipeline ADD COLUMN run_id bigint REFERENCES etl.run;
COMMENT ON COLUMN etl.pipeline.run_id IS 'The run that the pipeline belongs to: the newest one; a commit of any other run is refused';
