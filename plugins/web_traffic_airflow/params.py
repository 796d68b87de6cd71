"""The forms of manual runs."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from web_traffic.errors import NeedsAttention, SettingsError
from web_traffic.intervals import Words, asked_interval, asked_time
from web_traffic.reasons import Reason
from web_traffic.window_length import WINDOW_MINUTES

BACKFILL = "backfill"
RESTATE = "Restate: count closed windows again"
SEND_BACK = "Send rejected events back"
RECOVER = "Recover: only if an error asks for it"

RESTATE_PARAMS = {
    "restate_from": Param(
        None,
        type=["null", "string"],
        format="date-time",
        section=RESTATE,
        title="Restate from",
        description="Start of the first window to restate: a multiple of "
        f"{WINDOW_MINUTES} minutes. The windows are counted again, late events included, and rows that differ are "
        "replaced.",
    ),
    "restate_to": Param(
        None,
        type=["null", "string"],
        format="date-time",
        section=RESTATE,
        title="Restate to",
        description="End of the last window to restate, which must be closed. Even a month is a single Spark run.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        section=RESTATE,
        title="Dry run",
        description="Report what a restatement would change, and change nothing.",
    ),
}
"""The form of a restatement."""

PARAMS = {
    **RESTATE_PARAMS,
    "close_idle_windows": Param(
        False,
        type="boolean",
        section=RESTATE,
        title="Close idle windows",
        description="Write and close the windows that are still open because no newer event has come. An event that "
        "comes for them later counts only after a restatement.",
    ),
    "redrive_reasons": Param(
        [],
        type="array",
        items={"type": "string", "enum": [*Reason]},
        examples=[*Reason],
        section=SEND_BACK,
        title="Send rejected events back: for these reasons",
        description="Events that were rejected for one of these reasons and are valid now go back to the topic, each "
        "of them once, and this run counts them. To send repaired values, use the command web-traffic redrive.",
    ),
    "redrive_since": Param(
        None,
        type=["null", "string"],
        format="date-time",
        section=SEND_BACK,
        title="Send rejected events back: since",
        description="Send back only events that were rejected at this time or later. If you choose no reason, events "
        "of all reasons go back.",
    ),
    "rebuild_checkpoint": Param(
        False,
        type="boolean",
        section=RECOVER,
        title="Rebuild the checkpoint",
        description="Tick this if the checkpoint or the database was lost, damaged, restored from a copy or made with "
        "other settings. The run renames the old checkpoint, and a new one counts all unsealed windows again. No "
        "window is lost or counted twice. The run is refused if Kafka no longer holds all records that it needs.",
    ),
    "accept_data_loss": Param(
        False,
        type="boolean",
        section=RECOVER,
        title="Accept data loss",
        description="Dangerous: go on without the records that Kafka no longer holds. Their hits stay lost, and the "
        "run records the gap. Tick this together with the rebuild only if the error asks for both.",
    ),
}
"""All parameters of the DAG `web_traffic`, the harmless ones first; a scheduled run has the defaults."""

_TITLES = {name: f"'{param.schema['title']}'" for name, param in PARAMS.items()}
_RESTATEMENT = ("restate_from", "restate_to", "close_idle_windows")
_WORDS = Words(*(_TITLES[name] for name in _RESTATEMENT))


class FormRefused(NeedsAttention):
    """What a manual run was asked for can't be meant; the message says so in the words of the form."""


def check_form(run_type: str, asked: Mapping[str, Any], form: Mapping[str, Any]) -> None:
    """Raise `FormRefused` for entries that contradict each other, can't be meant, or are not in this form.

    `asked` is what a run was given, `form` the parameters of its DAG.
    """
    if unknown := sorted(asked.keys() - form.keys()):
        raise FormRefused(f"the form has no {', '.join(unknown)}: its parameters are {', '.join(form)}")
    described = _is_restatement_described(asked)
    try:
        if since := asked.get("redrive_since"):
            asked_time(_TITLES["redrive_since"], since)
        if described:
            start, end, idle = (asked.get(name) for name in _RESTATEMENT)
            asked_interval(start, end, _WORDS, close_idle_windows=bool(idle))
    except SettingsError as error:
        raise FormRefused(str(error)) from None
    restates = is_restatement(run_type, asked, form)
    if asked.get("dry_run") and (sent := _listed(asked, "redrive_reasons", "redrive_since")):
        raise FormRefused(f"{_TITLES['dry_run']} changes nothing: leave out {sent}, or untick it")
    if asked.get("dry_run") and not restates:
        raise FormRefused(f"{_TITLES['dry_run']} is for restatements only: give {_WORDS.start} and {_WORDS.end}, too")
    if restates and (live := _listed(asked, "rebuild_checkpoint", "accept_data_loss")):
        raise FormRefused(
            f"{live}: this is for a run that counts new events, and this run restates. Trigger the DAG once for each"
        )


def asks_for_restatement(run_type: str, asked: Mapping[str, Any]) -> bool:
    """Whether a run of the live DAG is to restate instead of counting new events."""
    return run_type == BACKFILL or _is_restatement_described(asked)


def is_restatement(run_type: str, asked: Mapping[str, Any], form: Mapping[str, Any]) -> bool:
    """Whether a run restates: because of what it was given, or because its DAG does nothing else."""
    only_restates = "rebuild_checkpoint" not in form
    return only_restates or asks_for_restatement(run_type, asked)


def _is_restatement_described(asked: Mapping[str, Any]) -> bool:
    return any(asked.get(name) for name in _RESTATEMENT)


def _listed(asked: Mapping[str, Any], *names: str) -> str:
    return " and ".join(_TITLES[name] for name in names if asked.get(name))
