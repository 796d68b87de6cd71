"""The forms of manual runs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param

from web_traffic.errors import NeedsAttention
from web_traffic.reasons import Reason
from web_traffic.window_length import WINDOW_MINUTES, window_start

RESTATE_PARAMS = {
    "restate_from": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Restate from",
        description="Start of the first window to restate: a multiple of "
        f"{WINDOW_MINUTES} minutes. The windows are counted again, late events included, and rows that differ are "
        "replaced.",
    ),
    "restate_to": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Restate to",
        description="End of the last window to restate, which must be closed. Even a month is a single Spark run.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Report what a restatement would change, and change nothing.",
    ),
}
"""The form of a restatement."""

PARAMS = {
    "rebuild_checkpoint": Param(
        False,
        type="boolean",
        title="Rebuild the checkpoint",
        description="Tick this if the checkpoint or the database was lost, damaged, restored from a copy or made with "
        "other settings. The run renames the old checkpoint, and a new one counts all unsealed windows again. No "
        "window is lost or counted twice. The run is refused if Kafka no longer holds all records that it needs.",
    ),
    "accept_data_loss": Param(
        False,
        type="boolean",
        title="Accept data loss",
        description="Go on without the records that Kafka no longer holds. Their hits stay lost, and the run records "
        "the gap. Tick this together with the rebuild only if the error asks for both.",
    ),
    "redrive_reasons": Param(
        [],
        type="array",
        items={"type": "string", "enum": [*Reason]},
        examples=[*Reason],
        title="Send rejected events back: for these reasons",
        description="Events that were rejected for one of these reasons and are valid now go back to the topic, each "
        "of them once, and this run counts them. To send repaired values, use the command web-traffic redrive.",
    ),
    "redrive_since": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Send rejected events back: since",
        description="Send back only events that were rejected at this time or later. If you choose no reason, events "
        "of all reasons go back.",
    ),
    **RESTATE_PARAMS,
    "close_idle_windows": Param(
        False,
        type="boolean",
        title="Close idle windows",
        description="Write and close the windows that are still open because no newer event has come. An event that "
        "comes for them later counts only after a restatement.",
    ),
}
"""All parameters of the DAG `web_traffic`; a scheduled run has the defaults."""


def check_form(asked: Mapping[str, Any]) -> None:
    """Raise `NeedsAttention`, in the words of the form, for entries that contradict each other or can't be meant."""
    given = {name: _TITLES[name] for name, value in asked.items() if value and name in _TITLES}
    start, end = (asked.get(name) for name in ("restate_from", "restate_to"))
    if bool(start) != bool(end):
        raise NeedsAttention(
            f"the form has only {_listed(given, 'restate_from', 'restate_to')}: give both, or neither"
        )
    for name, value in (("restate_from", start), ("restate_to", end)):
        if value and (at := datetime.fromisoformat(value).astimezone(UTC)) != window_start(at):
            raise NeedsAttention(
                f"{_TITLES[name]}: {value} must be a multiple of {WINDOW_MINUTES} minutes, "
                f"such as {window_start(at).isoformat()}"
            )
    if start and end and datetime.fromisoformat(start) >= datetime.fromisoformat(end):
        raise NeedsAttention(f"{_TITLES['restate_from']} must be earlier than {_TITLES['restate_to']}")
    if asked.get("close_idle_windows") and start:
        raise NeedsAttention(
            f"{_TITLES['close_idle_windows']} restates the windows that are still open: leave out "
            f"{_listed(given, 'restate_from', 'restate_to')}, or untick it"
        )
    if asked.get("dry_run") and (sent := _listed(given, "redrive_reasons", "redrive_since")):
        raise NeedsAttention(f"{_TITLES['dry_run']} changes nothing: leave out {sent}, or untick it")
    restates = bool(start or asked.get("close_idle_windows"))
    if restates and (live := _listed(given, "rebuild_checkpoint", "accept_data_loss")):
        raise NeedsAttention(
            f"{live}: this is for a run that counts new events, and the form asks for a restatement. "
            "Trigger the DAG once for each"
        )


def _listed(given: Mapping[str, str], *names: str) -> str:
    return " and ".join(f"'{given[name]}'" for name in names if name in given)


_TITLES = {name: str(param.schema["title"]) for name, param in PARAMS.items()}
