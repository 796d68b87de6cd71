"""Runs the DAG `web_traffic` once, with its real operators and connections, in this process."""

import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.state import DagRunState

run = DagBag().dags["web_traffic"].test()
sys.exit(0 if run.state == DagRunState.SUCCESS else 1)
