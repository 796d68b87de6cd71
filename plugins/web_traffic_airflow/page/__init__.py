"""The page "Web traffic": a FastAPI application within Airflow's API server."""
