"""Airflow, as far as reading DAG files goes: in a home of its own, without a metadata database."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_stack.environment import REPO

PASSWORD = "only-a-task-may-know"
DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from pendulum import datetime

def interval(dag):
    timetable = DagSerialization.from_dict(dag).timetable
    return [at.isoformat() for at in timetable.infer_manual_data_interval(run_after=datetime(2026, 1, 2, 12, 7))]

bag = DagBag(sys.argv[1])
dags = {name: DagSerialization.to_dict(dag) for name, dag in bag.dags.items()}
print(json.dumps({
    "errors": bag.import_errors,
    "dags": dags,
    "intervals": {name: interval(dag) for name, dag in dags.items()},
    "pyspark": sorted(name for name in sys.modules if name.partition(".")[0] == "pyspark"),
}))
"""


def parse_dags(home: Path, copy: Path = REPO, *packages: Path) -> dict[str, Any]:
    """Read dags/ in a process of its own, and return what Airflow makes of it.

    `copy` is where dags/ and plugins/ are, and `packages` where Python finds packages first.
    """
    environment = {
        "PATH": "/usr/bin:/bin",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/nothing",
        "PYTHONPATH": ":".join(str(folder) for folder in (copy / "plugins", *packages)),
        "AIRFLOW_CONN_POSTGRES_DEFAULT": f"postgresql://web_traffic_writer:{PASSWORD}@127.0.0.1:1/web_traffic",
        "AIRFLOW_CONN_POSTGRES_OWNER": f"postgresql://web_traffic_owner:{PASSWORD}@127.0.0.1:1/web_traffic",
    }
    command = [sys.executable, "-c", DESCRIBE, str(copy / "dags")]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return parsed


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse_dags(tmp_path_factory.mktemp("airflow"))
