"""The small tasks around the Spark runs: prepare, choose, redrive, the gate, publish."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, TriggerRule, task
from airflow.sdk.exceptions import AirflowSkipException

from web_traffic_airflow.connections import POSTGRES_OWNER, job_settings, open_database
from web_traffic_airflow.downstream import is_there_news
from web_traffic_airflow.naming import run_name
from web_traffic_airflow.params import asks_for_restatement, check_form

if TYPE_CHECKING:
    from web_traffic.gate import Decision

log = logging.getLogger(__name__)

AGGREGATED_WEB_TRAFFIC = Asset("aggregated_web_traffic")


@task
def prepare(*, params: dict[str, Any] | None = None, dag: Any = None, dag_run: Any = None) -> None:
    """Refuse a form that can't be meant; bring the schema up to date, and make the topic if it is not there.

    A dry run makes nothing.
    """
    from web_traffic.kafka import ensure_topic
    from web_traffic.warehouse.migrate import migrate

    asked = params or {}
    check_form(dag_run.run_type, asked, dag.params)
    if asked.get("dry_run"):
        log.info("a dry run: schema and topic stay as they are")
        return
    with open_database(POSTGRES_OWNER) as connection:
        log.info("migrations applied: %s", ", ".join(migrate(connection)) or "none, the schema is up to date")
    settings = job_settings()
    if ensure_topic(settings):
        log.info("topic %s made, %s partitions", settings.kafka_topic, settings.kafka_topic_partitions)


@task
def prune() -> None:
    """Delete what is older than the settings keep, as the owner of the database."""
    from web_traffic.kafka import describe_topic
    from web_traffic.retention.ages import RetentionSettings
    from web_traffic.retention.pruning import prune as delete_old

    keep = RetentionSettings.from_environment()
    topic = describe_topic(job_settings())
    with open_database(POSTGRES_OWNER) as connection:
        for pruned in delete_old(connection, keep, topic, datetime.now(UTC)):
            log.info("%s", pruned)


@task.branch
def choose(*, params: dict[str, Any] | None = None, dag_run: Any = None) -> str:
    """Decide what the run begins with: a redrive if the form asks for one, else the work itself."""
    asked = params or {}
    work = _work(dag_run, asked)
    return "redrive" if asked.get("redrive_reasons") or asked.get("redrive_since") else work


@task.branch
def redrive(*, params: dict[str, Any] | None = None, dag_run: Any = None) -> str:
    """Send the rejected events that the form selects back to the topic; the work of the run comes after it."""
    asked = params or {}
    send_back(run_name(dag_run.dag_id, dag_run.run_id), asked.get("redrive_reasons") or [], asked.get("redrive_since"))
    return _work(dag_run, asked)


def _work(dag_run: Any, asked: Mapping[str, Any]) -> str:
    """Return the task that counts new events, or the one that restates, which never opens the checkpoint."""
    return "restate" if asks_for_restatement(dag_run.run_type, asked) else "new_offsets"


def send_back(name: str, reasons: Sequence[str], since: str | None) -> None:
    """Send rejected events back to the topic in the name of a run; without reasons, events of all reasons."""
    from web_traffic.redrive.candidates import selected
    from web_traffic.redrive.ledger import RedriveLedger, Selection
    from web_traffic.redrive.protocol import Redriver

    selection = Selection(tuple(reasons), datetime.fromisoformat(since) if since else None)
    with open_database() as connection:
        ledger = RedriveLedger.alone(connection)
        redriver = Redriver.begin(job_settings(), ledger, f"{name}: {selection}", log.info)
        redriver.settle(assume=None)
        for line in redriver.redrive(selected(ledger, selection)).lines("went back"):
            log.info("%s", line)


@task.sensor(mode="reschedule", poke_interval=900, timeout=30 * 86_400)
def await_late_events(
    *,
    params: dict[str, Any] | None = None,
    dag: Any = None,
    dag_run: Any = None,
    data_interval_end: datetime | None = None,
) -> bool:
    """Wait until `ALLOWED_LATENESS` has passed since the data interval's end; an interval of the form never waits.

    Raises `FormRefused` first, if the form can't be meant.
    """
    from web_traffic.settings import allowed_lateness

    check_form(dag_run.run_type, params or {}, dag.params)
    if data_interval_end is None or (params or {}).get("restate_from"):
        return True
    return datetime.now(UTC) >= data_interval_end + allowed_lateness()


@task.short_circuit(ignore_downstream_trigger_rules=False, trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
def new_offsets(params: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """Decide whether Spark has anything to do; `aggregate` is skipped if it provably has nothing to do."""
    decision = ask_gate(params)
    return asdict(decision) if decision.must_run else None


def ask_gate(params: Mapping[str, Any] | None) -> "Decision":
    """Compare the broker's offsets with the books; a run that a person asks for in the form never skips."""
    from web_traffic.gate import ask
    from web_traffic.kafka import describe_topic
    from web_traffic.records import require_right_to_read

    settings = job_settings()
    topic = describe_topic(settings)
    is_asked_for = bool(params and (params["rebuild_checkpoint"] or params["accept_data_loss"]))
    with open_database() as connection:
        decision = ask(settings, connection, topic, is_asked_for=is_asked_for)
    log.info("%s: Spark %s", decision.reason, "runs" if decision.must_run else "is skipped")
    if decision.must_run:
        require_right_to_read(settings, topic)
    if waiting := sum(topic.waiting.values()):
        log.warning("%s more records can't be read yet: a producer holds a transaction open", waiting)
    return decision


@task.short_circuit(outlets=[AGGREGATED_WEB_TRAFFIC], trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
def publish(summaries: list[dict[str, Any] | None], *, inlet_events: Any = None, outlet_events: Any = None) -> bool:
    """Tell downstream DAGs that windows were written or restated, and checked; the asset event has the summary.

    Returns whether there is news for the assets that are its inlets; otherwise the tasks behind it are skipped.
    """
    summary = next((summary for summary in summaries if summary), None)
    if summary is None:
        raise AirflowSkipException("nothing was written")
    if summary.get("dry_run"):
        raise AirflowSkipException("a dry run has changed nothing")
    outlet_events[AGGREGATED_WEB_TRAFFIC].extra = summary
    return is_there_news(inlet_events)
