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
        description="Count the windows from here on again, late events included, and replace what differs. On the "
        f"boundary of a window: at a multiple of {WINDOW_MINUTES} minutes.",
    ),
    "restate_to": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Restate to",
        description="End of the last window to restate. It must be closed; a month is one Spark run.",
    ),
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description="Say what a restatement would change, and change nothing.",
    ),
}
"""The form of a restatement."""

PARAMS = {
    "rebuild_checkpoint": Param(
        False,
        type="boolean",
        title="Rebuild the checkpoint",
        description="The way out when checkpoint or database are lost, damaged, restored from a copy or made with "
        "other settings: the checkpoint is set aside, and a new one counts all windows that are not sealed yet. No "
        "window is lost or doubled. It is refused if Kafka no longer holds all records that this needs.",
    ),
    "accept_data_loss": Param(
        False,
        type="boolean",
        title="Accept data loss",
        description="Kafka no longer holds records that are needed, and they won't come back: go on without them. The "
        "gap is recorded with the run. Tick it together with the rebuild only if the error asks for both.",
    ),
    "redrive_reasons": Param(
        [],
        type="array",
        items={"type": "string", "enum": [*Reason]},
        examples=[*Reason],
        title="Send rejected events back: for these reasons",
        description="Events that were rejected for one of these reasons and are valid by now go back to the topic, "
        "each once, and are counted in this run. Repaired values go back with web-traffic redrive.",
    ),
    "redrive_since": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Send rejected events back: since",
        description="Only those that were rejected at this time or later; with no reason chosen, for any reason.",
    ),
    **RESTATE_PARAMS,
    "close_idle_windows": Param(
        False,
        type="boolean",
        title="Close idle windows",
        description="Write the windows that are still open because no newer event has come, and close them. Events "
        "that come for them later count only once they are restated.",
    ),
}
"""All parameters of the DAG `web_traffic`; a scheduled run has the defaults."""
