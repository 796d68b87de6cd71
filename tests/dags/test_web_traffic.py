"""What people rely on when they see the DAG in Airflow."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from local_stack.airflow import connections
from local_stack.environment import PROPERTIES_FILE, REPO, Stack
from tests.dags.conftest import PASSWORD, parse_dags

ANNOUNCING = ["announce_days", "announce_hours", "announce_restated_hours"]
TASKS = (
    "prepare",
    "choose",
    "redrive",
    "new_offsets",
    "aggregate",
    "restate",
    "check_quality",
    "publish",
    *ANNOUNCING,
)
MOST_LINES = 110
DATE_TIME = {"type": ["null", "string"], "format": "date-time"}
LOGIC_OR_POLICY = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.If, ast.For, ast.Dict)
DAG_FILES = sorted((REPO / "dags").glob("*.py"))


@pytest.fixture
def dag(parsed: dict[str, Any]) -> dict[str, Any]:
    assert parsed["errors"] == {}
    found: dict[str, Any] = parsed["dags"]["web_traffic"]["dag"]
    return found


@pytest.fixture
def tasks(dag: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {task["__var"]["task_id"]: task["__var"] for task in dag["tasks"]}


def test_runs_cover_five_minutes_each_without_catching_up_and_leave_room_for_a_restatement_by_hand(
    dag: dict[str, Any], parsed: dict[str, Any]
) -> None:
    assert dag["timetable"] == {
        "__type": "airflow.timetables.interval.CronDataIntervalTimetable",
        "__var": {"expression": "*/5 * * * *", "timezone": "UTC"},
    }
    assert parsed["intervals"]["web_traffic"] == ["2026-01-02T12:00:00+00:00", "2026-01-02T12:05:00+00:00"]
    assert (dag["catchup"], dag["max_active_runs"]) == (False, 2)


def test_tasks_follow_one_another_and_quality_is_checked_also_when_spark_was_skipped(
    tasks: dict[str, dict[str, Any]],
) -> None:
    assert {name: task.get("downstream_task_ids", []) for name, task in tasks.items()} == {
        "prepare": ["choose"],
        "choose": ["new_offsets", "redrive", "restate"],
        "redrive": ["new_offsets", "restate"],
        "new_offsets": ["aggregate"],
        "aggregate": ["check_quality", "publish"],
        "restate": ["check_quality", "publish"],
        "check_quality": ["publish"],
        "publish": ANNOUNCING,
        **{name: [] for name in ANNOUNCING},
    }
    assert tasks["check_quality"]["trigger_rule"] == "none_failed"
    assert tasks["publish"]["trigger_rule"] == "none_failed_min_one_success"
    assert tasks["new_offsets"].get("ignore_downstream_trigger_rules") is None


@pytest.mark.parametrize("name", ["new_offsets", "restate"])
def test_the_work_of_a_run_waits_for_a_redrive_and_does_without_one_that_was_skipped(
    tasks: dict[str, dict[str, Any]], name: str
) -> None:
    assert tasks[name]["trigger_rule"] == "none_failed_min_one_success"


@pytest.mark.parametrize("name", ["aggregate", "restate"])
def test_a_checkpoint_has_one_writer_and_restatements_follow_one_another(
    tasks: dict[str, dict[str, Any]], name: str
) -> None:
    assert tasks[name]["max_active_tis_per_dag"] == 1


@pytest.mark.parametrize("name", ANNOUNCING)
def test_a_task_that_announces_has_one_asset_and_no_other_beside_it(
    tasks: dict[str, dict[str, Any]], name: str
) -> None:
    asset = f"web_traffic_{name.removeprefix('announce_')}"
    assert [outlet["__var"]["name"] for outlet in tasks[name]["outlets"]] == [asset]
    assert [inlet["__var"]["name"] for inlet in tasks[name]["inlets"]] == [asset]
    assert tasks[name]["max_active_tis_per_dag"] == 1


@pytest.mark.parametrize("name", TASKS)
def test_every_task_ends_in_time_and_is_retried_by_cause(tasks: dict[str, dict[str, Any]], name: str) -> None:
    assert 0 < tasks[name]["execution_timeout"] <= 3600
    assert tasks[name]["has_retry_policy"]
    assert tasks[name]["retries"] == 2


@pytest.mark.parametrize("name", TASKS)
def test_a_failure_of_every_task_is_told_and_so_is_its_end(
    dag: dict[str, Any], tasks: dict[str, dict[str, Any]], name: str
) -> None:
    assert tasks[name]["has_on_failure_callback"]
    assert tasks[name]["has_on_success_callback"]
    assert dag["has_on_failure_callback"]  # for a task that was killed


@pytest.mark.parametrize("name", TASKS)
def test_the_runbook_names_every_task(dag: dict[str, Any], name: str) -> None:
    assert f"| `{name}` |" in dag["doc_md"]


def test_what_a_person_may_ask_of_one_run_is_off_by_default_and_explained(dag: dict[str, Any]) -> None:
    params = dict(dag["params"])
    assert {name: param["default"] for name, param in params.items()} == {
        "rebuild_checkpoint": False,
        "redrive_reasons": [],
        "redrive_since": None,
        "accept_data_loss": False,
        "restate_from": None,
        "restate_to": None,
        "dry_run": False,
        "close_idle_windows": False,
    }
    assert [
        {key: params[name]["schema"]["__var"][key] for key in DATE_TIME} for name in ("restate_from", "restate_to")
    ] == [DATE_TIME, DATE_TIME]
    assert all(param["description"] for param in params.values())


def test_the_form_has_sections_with_the_harmless_ones_first(dag: dict[str, Any]) -> None:
    sections: dict[str, list[str]] = {}
    for name, param in dict(dag["params"]).items():
        sections.setdefault(param["schema"]["__var"]["section"], []).append(name)
    assert sections == {
        "Restate: count closed windows again": ["restate_from", "restate_to", "dry_run", "close_idle_windows"],
        "Send rejected events back": ["redrive_reasons", "redrive_since"],
        "Recover: only if an error asks for it": ["rebuild_checkpoint", "accept_data_loss"],
    }


def test_reading_the_file_twice_gives_the_same_dag(parsed: dict[str, Any], tmp_path: Path) -> None:
    again = parse_dags(tmp_path)["dags"]
    for dags in (again, parsed["dags"]):
        for dag in dags.values():
            dag["dag"]["_processor_dags_folder"] = "below AIRFLOW_HOME"
    assert again == parsed["dags"]


def test_spark_is_not_imported_to_read_a_dag(parsed: dict[str, Any]) -> None:
    assert parsed["pyspark"] == []


def test_no_password_of_a_connection_is_in_a_dag(parsed: dict[str, Any]) -> None:
    assert PASSWORD not in json.dumps(parsed)


@pytest.mark.parametrize("file", DAG_FILES, ids=lambda file: file.name)
def test_a_dag_file_is_wiring_only(file: Path) -> None:
    source = file.read_text()
    tree = list(ast.walk(ast.parse(source)))
    imported = {node.module or "" for node in tree if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    assert "web_traffic" not in {name.partition(".")[0] for name in imported}
    assert [node for node in tree if isinstance(node, LOGIC_OR_POLICY)] == []
    assert len(source.splitlines()) < MOST_LINES


def test_the_stack_gives_every_connection_that_the_plugins_name(tmp_path: Path) -> None:
    source = "".join(file.read_text() for file in (REPO / "plugins").rglob("*.py"))
    named = set(re.findall(r'"(\w+_(?:default|owner))"', source))
    given = connections(Stack.create(tmp_path))
    named.remove("aws_default")  # asked for only by a connection that logs in by tokens, and may be missing
    assert {"kafka_default", "postgres_default", "postgres_owner", "spark_default"} <= named <= given.keys()
    assert given["spark_default"]["extra"] == {"properties-file": str(PROPERTIES_FILE)}


def test_the_runs_of_spark_have_buttons_that_lead_to_the_page(tasks: dict[str, dict[str, Any]]) -> None:
    assert tasks["aggregate"]["_operator_extra_links"] == {"Web traffic: this run": "_link_RunLink"}
    assert tasks["restate"]["_operator_extra_links"] == {"Web traffic: what has changed": "_link_RestatementLink"}
