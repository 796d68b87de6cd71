"""What people rely on when they see retention in Airflow."""

from typing import Any

import pytest


@pytest.fixture
def dag(parsed: dict[str, Any]) -> dict[str, Any]:
    assert parsed["errors"] == {}
    found: dict[str, Any] = parsed["dags"]["web_traffic_retention"]["dag"]
    return found


def test_it_runs_once_a_day_and_never_twice_at_a_time(dag: dict[str, Any], parsed: dict[str, Any]) -> None:
    assert parsed["intervals"]["web_traffic_retention"] == ["2026-01-01T03:30:00+00:00", "2026-01-02T03:30:00+00:00"]
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 1)


def test_its_tasks_end_in_time_are_retried_by_cause_and_are_in_the_runbook(dag: dict[str, Any]) -> None:
    for task in (task["__var"] for task in dag["tasks"]):
        assert 0 < task["execution_timeout"] <= 3600
        assert task["has_retry_policy"]
        assert f"| `{task['task_id']}` |" in dag["doc_md"]


def test_it_may_be_the_first_dag_that_runs(dag: dict[str, Any]) -> None:
    downstream = {task["__var"]["task_id"]: task["__var"].get("downstream_task_ids", []) for task in dag["tasks"]}
    assert downstream == {"prepare": ["prune"], "prune": []}
