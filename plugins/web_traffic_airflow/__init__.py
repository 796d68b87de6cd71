"""The operators and tasks of the DAGs. Only this package, the DAGs and `web_traffic_plugin.py` import Airflow."""
