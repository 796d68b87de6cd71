"""What the DAGs are made of: operators and tasks. The only code of the project that imports Airflow."""
