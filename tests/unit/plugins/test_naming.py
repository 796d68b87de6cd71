"""A run has one name wherever it is named, and no run of another DAG has it."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import Result
from web_traffic_airflow import alerts
from web_traffic_airflow.links import RestatementLink, RunLink
from web_traffic_airflow.naming import run_name

MIDNIGHT = "scheduled__2026-03-29T00:00:00+00:00"
DAGS = ("web_traffic", "web_traffic_restatement")


def instance(dag_id: str) -> Any:
    return SimpleNamespace(
        dag_id=dag_id, run_id=MIDNIGHT, task_id="restate", try_number=1, log_url="http://log", start_date=None
    )


def test_the_runs_of_midnight_of_two_dags_have_two_names() -> None:
    assert run_name("web_traffic", MIDNIGHT) == f"web_traffic/{MIDNIGHT}"
    assert len({run_name(dag_id, MIDNIGHT) for dag_id in DAGS}) == 2


@pytest.mark.parametrize(("link", "view"), [(RunLink(), "pipeline"), (RestatementLink(), "restatements")])
@pytest.mark.parametrize("dag_id", DAGS)
def test_a_button_leads_to_the_run_of_its_own_dag(link: Any, view: str, dag_id: str) -> None:
    address = link.get_link(None, ti_key=instance(dag_id))
    assert parse_qs(urlsplit(address).query) == {"view": [view], "run": [run_name(dag_id, MIDNIGHT)]}


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_message_names_the_run_whose_books_it_shows(monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
    asked = []

    def run_summary(_: object, name: str, kind: str = "live") -> None:
        asked.append((name, kind))

    monkeypatch.setattr("web_traffic.warehouse.ledger.run_summary", run_summary)
    monkeypatch.setattr(alerts, "open_database", nullcontext)
    reported: list[Any] = []
    monkeypatch.setattr(alerts, "_report", reported.append)
    alerts.on_task_failure({"ti": instance(dag_id), "exception": RuntimeError("it broke")})  # type: ignore[typeddict-item]
    assert [incident.run_name for incident in reported] == [run_name(dag_id, MIDNIGHT)]
    assert asked == [(run_name(dag_id, MIDNIGHT), kind) for kind in ("restate", "live")]


def test_the_same_warning_in_two_dags_is_two_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(alerts, "_report", reported.append)
    monkeypatch.setattr(alerts, "_recover", lambda *_: None)
    rule = next(rule for rule in RULES if rule.severity == "warn")
    warned = Result(rule, 1, 1, 1.0, [])
    for dag_id in DAGS:
        alerts.report_warnings({"ti": instance(dag_id)}, "a_table", [warned])  # type: ignore[typeddict-item]
    assert len({incident.failure for incident in reported}) == 2
    assert len({incident.key for incident in reported}) == 1
