"""The DAGs away from the project: dags/ and plugins/ are copied, and the package is installed."""

import shutil
from pathlib import Path

import pytest

from local_stack.environment import REPO
from tests.dags.conftest import parse_dags


@pytest.mark.parametrize(
    ("dag_id", "application"),
    [("web_traffic", "aggregate"), ("web_traffic", "restate"), ("web_traffic_restatement", "restate")],
)
def test_an_application_is_found_where_the_package_is_installed(tmp_path: Path, dag_id: str, application: str) -> None:
    for folder in ("dags", "plugins"):
        shutil.copytree(REPO / folder, tmp_path / "airflow" / folder)
    package = tmp_path / "site-packages" / "web_traffic"
    shutil.copytree(REPO / "include" / "web_traffic", package)
    parsed = parse_dags(tmp_path / "home", tmp_path / "airflow", package.parent)
    assert parsed["errors"] == {}
    tasks = {task["__var"]["task_id"]: task["__var"] for task in parsed["dags"][dag_id]["dag"]["tasks"]}
    assert tasks[application]["application"] == str(package / "jobs" / f"{application}.py")
    assert Path(tasks[application]["application"]).is_file()
    assert parsed["pyspark"] == []
