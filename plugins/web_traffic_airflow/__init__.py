"""The operators and tasks of the DAGs. Only this package and the DAGs import Airflow."""
