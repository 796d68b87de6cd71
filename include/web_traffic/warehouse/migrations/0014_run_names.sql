-- The ids of runs are unique within a DAG only, so the name of a run has the DAG's id in front. Rows of the past keep
-- the names that they have.

COMMENT ON COLUMN etl.run.name IS 'Name that the caller gave (RUN_NAME): under Airflow the id of the DAG, /, and the id of its run; before 0014 a live run had its own id alone';
COMMENT ON COLUMN etl.quality_result.run_name IS 'Run that has checked: under Airflow the id of the DAG, /, and the id of its run; before 0014 the id of the run alone';
COMMENT ON COLUMN etl.alert.run_name IS 'Newest run that has failed: under Airflow the id of the DAG, /, and the id of its run; before 0014 the id of the run alone';
