"""Which task of the DAG comes next."""

from types import SimpleNamespace
from typing import Any

import pytest

from web_traffic.errors import NeedsAttention
from web_traffic_airflow import tasks

INTERVAL = {"restate_from": "2026-03-29T00:00:00Z", "restate_to": "2026-03-29T01:00:00Z"}
REASON = {"redrive_reasons": ["from the future"]}
SINCE = {"redrive_since": "2026-03-29T00:00:00Z"}


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
        ({"restate_from": "2026-03-29T00:00:00+00:00"}, "the form has only 'Restate from': give both"),
        (INTERVAL | {"restate_to": "2026-03-29T00:07:00+00:00"}, "Restate to: .*T00:07.* such as .*T00:05:00"),
        (INTERVAL | {"restate_to": "2026-03-28T00:05:00+00:00"}, "Restate from must be earlier than Restate to"),
        (INTERVAL | {"close_idle_windows": True}, "Close idle windows restates .* leave out 'Restate from' and"),
        (INTERVAL | REASON | {"dry_run": True}, "Dry run changes nothing: leave out 'Send rejected events back: for"),
        (INTERVAL | {"accept_data_loss": True}, "'Accept data loss': this is for a run that counts new events"),
        ({"close_idle_windows": True, "rebuild_checkpoint": True}, "'Rebuild the checkpoint': this is for a run"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_the_words_of_the_form(params: dict[str, Any], said: str) -> None:
    with pytest.raises(NeedsAttention, match=said):
        tasks.choose.function(params=params, dag_run=run())


def test_a_form_that_contradicts_itself_is_refused_before_anything_is_sent_back() -> None:
    with pytest.raises(NeedsAttention, match="Dry run is for restatements only"):
        tasks.choose.function(params={"dry_run": True}, dag_run=run())


@pytest.mark.parametrize(("params", "work"), [(REASON, "new_offsets"), (REASON | SINCE | INTERVAL, "restate")])
def test_after_a_redrive_the_run_does_its_work(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], work: str
) -> None:
    sent = []
    monkeypatch.setattr(tasks, "send_back", lambda *selection: sent.append(selection))
    assert tasks.redrive.function(params=params, dag_run=run()) == work
    assert sent == [("web_traffic/a run", ["from the future"], params.get("redrive_since"))]
