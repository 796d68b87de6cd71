"""What the page in Airflow shows, as data: each view is a function of an open connection of the reader role."""
