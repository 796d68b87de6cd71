"""Which task of the DAG comes next."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from web_traffic_airflow import tasks
from web_traffic_airflow.params import PARAMS, RESTATE_PARAMS, FormRefused
from web_traffic_airflow.quality import WebTrafficQualityOperator

INTERVAL = {"restate_from": "2026-03-29T00:00:00Z", "restate_to": "2026-03-29T01:00:00Z"}
REASON = {"redrive_reasons": ["from the future"]}
SINCE = {"redrive_since": "2026-03-29T00:00:00Z"}
LIVE, DAILY = SimpleNamespace(params=PARAMS), SimpleNamespace(params=RESTATE_PARAMS)


def run(run_type: str = "manual") -> Any:
    return SimpleNamespace(dag_id="web_traffic", run_id="a run", run_type=run_type)


@pytest.mark.parametrize(
    ("run_type", "params", "first"),
    [
        ("scheduled", None, "new_offsets"),
        ("manual", {}, "new_offsets"),
        ("manual", INTERVAL, "restate"),
        ("backfill", {}, "restate"),
        ("manual", REASON, "redrive"),
        ("manual", SINCE, "redrive"),
        ("manual", INTERVAL | SINCE, "redrive"),
    ],
)
def test_a_run_begins_with_what_the_form_asks_for(run_type: str, params: dict[str, Any] | None, first: str) -> None:
    assert tasks.choose.function(params=params, dag_run=run(run_type)) == first


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"restate_from": "2026-03-29T00:00:00+00:00"}, "there is only 'Restate from': give both, or neither"),
        (INTERVAL | {"restate_to": "2026-03-29T00:07:00+00:00"}, "'Restate to': .*T00:07.* such as .*T00:05:00"),
        (INTERVAL | {"restate_to": "2026-03-29T00:05:00"}, "'Restate to': .* must say its offset from UTC"),
        (INTERVAL | {"restate_to": "0001-01-01T00:00:00+09:00"}, "'Restate to': .* must be a time like"),
        (
            INTERVAL | {"restate_to": "2026-03-28T00:05:00+00:00"},
            "'Restate from', .* must be earlier than 'Restate to'",
        ),
        (INTERVAL | {"close_idle_windows": True}, "'Close idle windows' restates .* leave out 'Restate from' and"),
        (
            INTERVAL | REASON | {"dry_run": True},
            "'Dry run' changes nothing: leave out 'Send rejected events back: for",
        ),
        ({"dry_run": True}, "'Dry run' is for restatements only: give 'Restate from' and 'Restate to'"),
        (INTERVAL | {"accept_data_loss": True}, "'Accept data loss': this is for a run that counts new events"),
        ({"close_idle_windows": True, "rebuild_checkpoint": True}, "'Rebuild the checkpoint': this is for a run"),
        ({"redrive_since": "2026-03-29T00:00:00"}, "'Send rejected events back: since': .* must say its offset"),
        ({"restate_form": "2026-03-29T00:00:00Z"}, "the form has no restate_form: its parameters are restate_from, "),
    ],
)
def test_what_can_not_be_meant_is_refused_by_the_first_task_in_the_words_of_the_form(
    params: dict[str, Any], said: str
) -> None:
    with pytest.raises(FormRefused, match=said):
        tasks.prepare.function(params=params, dag=LIVE, dag_run=run())


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"restate_from": "2026-03-29T00:00:00+00:00"}, "there is only 'Restate from': give both, or neither"),
        ({"rebuild_checkpoint": True}, "the form has no rebuild_checkpoint"),
    ],
)
def test_the_daily_dag_refuses_it_before_it_waits(params: dict[str, Any], said: str) -> None:
    with pytest.raises(FormRefused, match=said):
        tasks.await_late_events.function(params=params, dag=DAILY, dag_run=run())


def test_a_dry_run_brings_nothing_up_to_date_and_tells_nobody_downstream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "open_database", lambda *_: pytest.fail("it opened the database"))
    tasks.prepare.function(params=INTERVAL | {"dry_run": True}, dag=LIVE, dag_run=run())
    tasks.prepare.function(params={"dry_run": True}, dag=DAILY, dag_run=run("scheduled"))
    with pytest.raises(AirflowSkipException):
        tasks.publish.function([None, {"dry_run": True}], outlet_events={})
    with pytest.raises(AirflowSkipException):
        WebTrafficQualityOperator(task_id="check", restated={"dry_run": True}).execute({})


@pytest.mark.parametrize(("params", "work"), [(REASON, "new_offsets"), (REASON | SINCE | INTERVAL, "restate")])
def test_after_a_redrive_the_run_does_its_work(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], work: str
) -> None:
    sent = []
    monkeypatch.setattr(tasks, "send_back", lambda *selection: sent.append(selection))
    assert tasks.redrive.function(params=params, dag_run=run()) == work
    assert sent == [("web_traffic/a run", ["from the future"], params.get("redrive_since"))]
