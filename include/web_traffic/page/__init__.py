"""The data of the page in Airflow: each view is a function of an open connection of the reader role."""
