"""Runs the DAG `web_traffic` once, with its real operators and connections, in this process.

`python dag_run.py '{"restate_from": …}'` fills in the form.
"""

import json
import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.state import DagRunState

form = json.loads(sys.argv[1]) if sys.argv[1:] else None
run = DagBag().dags["web_traffic"].test(run_conf=form)
sys.exit(0 if run.state == DagRunState.SUCCESS else 1)
