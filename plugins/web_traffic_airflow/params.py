"""The form of a manual run."""

from airflow.sdk import Param

from web_traffic.reasons import Reason

PARAMS = {
    "rebuild_checkpoint": Param(
        False,
        type="boolean",
        title="Rebuild the checkpoint",
        description="The way out when a checkpoint is lost, damaged or made with other settings: it is set aside, "
        "and a new one counts all windows that are not sealed yet. No window is lost or doubled.",
    ),
    "accept_data_loss": Param(
        False,
        type="boolean",
        title="Accept data loss",
        description="Kafka has deleted records before they were read, and they won't come back: go on without "
        "them. The gap is recorded with the run.",
    ),
    "redrive_reasons": Param(
        [],
        type="array",
        items={"type": "string", "enum": [*Reason]},
        examples=[*Reason],
        title="Send rejected events back: for these reasons",
        description="Events that were rejected for one of these reasons and are valid by now go back to the topic, "
        "each once, and are counted in this run. Repaired values go back with python -m web_traffic.redrive.",
    ),
    "redrive_since": Param(
        None,
        type=["null", "string"],
        format="date-time",
        title="Send rejected events back: since",
        description="Only those that were rejected at this time or later; with no reason chosen, for any reason.",
    ),
}
"""All parameters of the DAG `web_traffic`; a scheduled run has the defaults."""
