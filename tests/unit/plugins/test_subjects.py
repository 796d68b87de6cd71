"""What an incident is about: only the same work ends it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from web_traffic.alerts import Incident
from web_traffic_airflow import alerts
from web_traffic_airflow.params import PARAMS, RESTATE_PARAMS, FormRefused
from web_traffic_airflow.quality import WebTrafficQualityOperator
from web_traffic_airflow.restating import RestateOperator

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
FORMS = {"web_traffic": PARAMS, "web_traffic_restatement": RESTATE_PARAMS}
INTERVAL = "{[2026-03-29T12:00:00+00:00,2026-03-29T12:05:00+00:00)}"
AN_HOUR = "{[2026-03-29T00:00:00+00:00,2026-03-29T01:00:00+00:00)}"
HOUR = {"restate_from": "2026-03-29T00:00:00Z", "restate_to": "2026-03-29T01:00:00Z"}
LIVE, DAILY = "web_traffic", "web_traffic_restatement"


def context(dag_id: str, task_id: str, run_type: str, **asked: Any) -> Any:
    tasks: dict[str, Any] = {
        "prepare": SimpleNamespace(downstream_task_ids={"choose"}),
        "restate": SimpleNamespace(is_about_windows=RestateOperator.is_about_windows, downstream_task_ids={"publish"}),
        "check_quality": WebTrafficQualityOperator(task_id="check_quality"),
        "publish": SimpleNamespace(downstream_task_ids=set()),
    }
    interval = {"data_interval_start": NOON, "data_interval_end": NOON + timedelta(minutes=5)}
    named = {"dag_id": dag_id, "run_id": "a run", "task_id": task_id, "task": tasks.get(task_id)}
    return {
        "ti": SimpleNamespace(try_number=1, log_url="http://log", start_date=None, **named),
        "dag": SimpleNamespace(dag_id=dag_id, params=FORMS[dag_id]),
        "dag_run": SimpleNamespace(run_type=run_type, conf=asked, **interval),
        "params": asked,
        "run_id": "a run",
    }


class Told:
    """What the callbacks reported, and what they called over."""

    def __init__(self) -> None:
        self.incidents: list[Incident] = []
        self.over: list[tuple[tuple[str, ...], str | None]] = []
        self.measured: list[int] = []
        """How much had been told when metrics were sent."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    told = Told()
    monkeypatch.setattr(alerts, "_report", told.incidents.append)
    monkeypatch.setattr(alerts, "_recover", lambda *keys, windows=None: told.over.append((keys, windows)))
    monkeypatch.setattr(alerts, "_books", lambda _: None)
    monkeypatch.setattr(alerts, "send_metrics", lambda: told.measured.append(len(told.incidents) + len(told.over)))
    return told


@pytest.mark.parametrize(
    ("dag_id", "task_id", "run_type", "asked", "key", "windows"),
    [
        (LIVE, "check_quality", "scheduled", {}, "web_traffic/check_quality", None),
        (LIVE, "check_quality", "backfill", {}, "web_traffic/check_quality/windows", INTERVAL),
        (LIVE, "restate", "backfill", {}, "web_traffic/restate/windows", INTERVAL),
        (LIVE, "restate", "manual", HOUR, "web_traffic/restate/windows", AN_HOUR),
        (LIVE, "restate", "manual", HOUR | {"dry_run": True}, "web_traffic/restate/dry run", AN_HOUR),
        (LIVE, "restate", "manual", {"close_idle_windows": True}, "web_traffic/restate/idle windows", None),
        (LIVE, "prepare", "backfill", {}, "web_traffic/prepare", None),
        (DAILY, "restate", "scheduled", {}, "web_traffic_restatement/restate/windows", INTERVAL),
    ],
)
def test_a_failure_and_the_success_that_ends_it_are_about_the_same_work(
    told: Told, dag_id: str, task_id: str, run_type: str, asked: dict[str, Any], key: str, windows: str | None
) -> None:
    happened = context(dag_id, task_id, run_type, **asked)
    alerts.on_task_failure(happened | {"exception": RuntimeError("it broke")})
    alerts.on_task_success(happened)
    assert [(incident.key, incident.windows) for incident in told.incidents] == [(key, windows)]
    keys, healed = told.over[0]
    assert (keys[0], healed) == (key, windows)


def test_a_refused_form_is_over_when_one_is_accepted_and_not_when_a_scheduled_run_works(told: Told) -> None:
    alerts.on_task_failure(context(LIVE, "prepare", "manual", x=1) | {"exception": FormRefused("no x")})
    assert [(incident.key, incident.error) for incident in told.incidents] == [("web_traffic/form", "no x")]
    alerts.on_task_success(context(LIVE, "prepare", "scheduled"))
    assert told.over[-1] == (("web_traffic/prepare",), None)
    alerts.on_task_success(context(LIVE, "prepare", "manual", **HOUR))
    assert told.over[-1] == (("web_traffic/prepare", "web_traffic/form"), None)


def test_a_run_that_timed_out_is_over_when_a_run_of_its_kind_succeeds(told: Told) -> None:
    alerts.on_dag_failure(context(LIVE, "aggregate", "scheduled") | {"reason": "timed_out"})
    assert [incident.key for incident in told.incidents] == ["web_traffic"]
    alerts.on_task_success(context(LIVE, "prepare", "scheduled"))
    assert [keys for keys, _ in told.over] == [("web_traffic/prepare",)]
    for task in ("publish", "check_quality"):
        alerts.on_task_success(context(LIVE, task, "backfill"))
        assert told.over[-1] == (("web_traffic/windows",), INTERVAL)
        alerts.on_task_success(context(LIVE, task, "scheduled"))
        assert told.over[-1] == (("web_traffic",), None)


def test_metrics_are_sent_when_the_work_of_a_run_has_ended_and_after_incidents_are_known(told: Told) -> None:
    alerts.on_task_success(context(LIVE, "prepare", "scheduled"))
    assert told.measured == []
    alerts.on_task_success(context(LIVE, "check_quality", "scheduled"))
    assert told.measured == [len(told.over)]
    alerts.on_task_failure(context(LIVE, "aggregate", "scheduled"))
    assert told.measured[1:] == [len(told.over) + 1]
