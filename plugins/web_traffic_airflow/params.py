"""The forms of manual runs."""

from airflow.sdk import Param

from web_traffic.reasons import Reason
from web_traffic.window_length import WINDOW_MINUTES

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
