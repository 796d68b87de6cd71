"""Airflow, as far as reading DAG files goes: in a home of its own, without a metadata database."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_stack.environment import REPO

DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

bag = DagBag(sys.argv[1])
print(json.dumps({
    "errors": bag.import_errors,
    "dags": {name: DagSerialization.to_dict(dag) for name, dag in bag.dags.items()},
    "pyspark": sorted(name for name in sys.modules if name.partition(".")[0] == "pyspark"),
}))
"""


def parse_dags(home: Path) -> dict[str, Any]:
    """Read dags/ in a process of its own, and return what Airflow makes of it."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/nothing",
        "PYTHONPATH": str(REPO / "plugins"),
    }
    command = [sys.executable, "-c", DESCRIBE, str(REPO / "dags")]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return parsed


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return parse_dags(tmp_path_factory.mktemp("airflow"))
