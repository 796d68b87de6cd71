"""What people rely on when they see the daily restatement in Airflow."""

from typing import Any

import pytest

TASKS = ("await_late_events", "prepare", "restate", "check_quality", "publish")


@pytest.fixture
def dag(parsed: dict[str, Any]) -> dict[str, Any]:
    assert parsed["errors"] == {}
    found: dict[str, Any] = parsed["dags"]["web_traffic_restatement"]["dag"]
    return found


@pytest.fixture
def tasks(dag: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {task["__var"]["task_id"]: task["__var"] for task in dag["tasks"]}


def test_a_run_covers_a_day_and_the_next_one_may_begin_while_it_waits(
    dag: dict[str, Any], parsed: dict[str, Any]
) -> None:
    assert parsed["intervals"]["web_traffic_restatement"] == ["2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"]
    assert dag["catchup"] is False
    assert dag["max_active_runs"] > 1
    assert dag.get("dagrun_timeout") is None


def test_tasks_follow_one_another(tasks: dict[str, dict[str, Any]]) -> None:
    assert {name: task.get("downstream_task_ids", []) for name, task in tasks.items()} == {
        "await_late_events": ["prepare"],
        "prepare": ["restate"],
        "restate": ["check_quality", "publish"],
        "check_quality": ["publish"],
        "publish": [],
    }


@pytest.mark.parametrize("name", TASKS)
def test_every_task_ends_in_time_and_is_retried_by_cause(tasks: dict[str, dict[str, Any]], name: str) -> None:
    assert 0 < tasks[name]["execution_timeout"] <= 3600
    assert tasks[name]["has_retry_policy"]


@pytest.mark.parametrize("name", TASKS)
def test_the_runbook_names_every_task(dag: dict[str, Any], name: str) -> None:
    assert f"| `{name}` |" in dag["doc_md"]
