"""A run has one name wherever it is named, and no run of another DAG has it."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import Result
from web_traffic_airflow import alerts
from web_traffic_airflow.links import RestatementLink, RunLink
from web_traffic_airflow.naming import run_name
from web_traffic_airflow.operators import AggregateOperator
from web_traffic_airflow.quality import QualityOperator, WebTrafficQualityOperator
from web_traffic_airflow.restating import RestateOperator

MIDNIGHT = "scheduled__2026-03-29T00:00:00+00:00"
PARAMS = {"rebuild_checkpoint": False, "accept_data_loss": False}
RESTATED = {"run_id": 1, "restate_from": "2026-03-29T00:00:00Z", "restate_to": "2026-03-29T01:00:00Z"}
DAGS = ("web_traffic", "web_traffic_restatement")


def instance(dag_id: str) -> Any:
    return SimpleNamespace(
        dag_id=dag_id,
        run_id=MIDNIGHT,
        task_id="restate",
        try_number=1,
        log_url="http://log",
        start_date=None,
        task=None,
    )


def dag_run(dag_id: str) -> Any:
    day = {
        "data_interval_start": datetime(2026, 3, 28, tzinfo=UTC),
        "data_interval_end": datetime(2026, 3, 29, tzinfo=UTC),
    }
    return SimpleNamespace(dag_id=dag_id, run_id=MIDNIGHT, run_type="scheduled", clear_number=0, conf=None, **day)


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
    alerts.on_task_failure({"ti": instance(dag_id), "exception": RuntimeError("it broke")})
    assert [incident.run_name for incident in reported] == [run_name(dag_id, MIDNIGHT)]
    assert asked == [(run_name(dag_id, MIDNIGHT), kind) for kind in ("restate", "live")]


@pytest.mark.parametrize("dag_id", DAGS)
@pytest.mark.parametrize(
    ("operator", "kind"),
    [(AggregateOperator(task_id="a", work={"lag": 0}), "live"), (RestateOperator(task_id="b"), "restate")],
)
def test_spark_is_given_the_name_by_which_the_summary_is_read(
    monkeypatch: pytest.MonkeyPatch, operator: Any, kind: str, dag_id: str
) -> None:
    summaries = {(run_name(dag_id, MIDNIGHT), kind): {"status": "succeeded"}}
    submitted = []
    monkeypatch.setattr(type(operator), "submit", lambda _, context, name, *__: submitted.append(name))
    for module in ("operators", "restating"):
        monkeypatch.setattr(f"web_traffic_airflow.{module}.open_database", nullcontext)
    monkeypatch.setattr("web_traffic.warehouse.ledger.take_share", lambda *_: None)
    monkeypatch.setattr(
        "web_traffic.warehouse.ledger.run_summary", lambda _, name, kind="live": summaries.get((name, kind))
    )
    assert operator.execute({"dag_run": dag_run(dag_id), "params": PARAMS}) == {"status": "succeeded"}
    assert submitted == [run_name(dag_id, MIDNIGHT)]


def test_a_check_keeps_its_results_under_the_name_of_its_run() -> None:
    scopes = [
        QualityOperator(task_id="check", table="a_table").scope({"dag_run": dag_run("a_dag")}, None),
        WebTrafficQualityOperator(task_id="check", restated=RESTATED).scope({"dag_run": dag_run("a_dag")}, None),
    ]
    assert [scope.run_name for scope in scopes] == [f"a_dag/{MIDNIGHT}"] * 2


def test_the_same_warning_in_two_dags_is_two_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(alerts, "_report", reported.append)
    monkeypatch.setattr(alerts, "_recover", lambda *_, **__: None)
    rule = next(rule for rule in RULES if rule.severity == "warn")
    warned = Result(rule, 1, 1, 1.0, [])
    for dag_id in DAGS:
        alerts.report_warnings({"ti": instance(dag_id)}, "a_table", [warned])
    assert len({incident.failure for incident in reported}) == 2
    assert len({incident.key for incident in reported}) == 1
