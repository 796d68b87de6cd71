"""The DAG on a Spark standalone cluster: nothing differs but the connection `spark_default`."""

import json
from pathlib import Path

from bench.cluster import cluster
from local_stack import Stack
from local_stack.environment import PROPERTIES_FILE
from tests.faults.cells.kills import run_by_airflow
from tests.faults.trial import Trial


def test_the_dag_counts_the_same_on_a_cluster(stack: Stack, tmp_path: Path) -> None:
    trial = Trial(stack, tmp_path, seed=2)
    run_by_airflow(trial)
    workers = tmp_path / "workers"
    with cluster(2, "1g", trial.pipeline.environment, workers) as url:
        connection = {"conn_type": "spark", "host": url, "extra": {"properties-file": str(PROPERTIES_FILE)}}
        trial.pipeline.environment["AIRFLOW_CONN_SPARK_DEFAULT"] = json.dumps(connection)
        trial.produce(50_000, hour=0)
        assert trial.pipeline.submit().returncode == 0
        trial.produce(50_000, hour=1)
        outcome = trial.compare("on a cluster", trial.recover())
    assert outcome.is_clean, outcome
    executors = {file.parent.name for file in workers.glob("app-*/*/stderr")}
    assert executors == {"0", "1"}
