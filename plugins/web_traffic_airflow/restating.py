"""Restatements under Airflow: what a run is to restate, and how the runs of a backfill share one restatement."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowRuntimeError

from web_traffic.errors import NeedsAttention
from web_traffic.intervals import Interval
from web_traffic.window_length import WINDOW, window_start
from web_traffic_airflow.connections import open_database
from web_traffic_airflow.links import RestatementLink
from web_traffic_airflow.naming import run_name
from web_traffic_airflow.operators import LARGE_RUN, SparkJobOperator
from web_traffic_airflow.params import BACKFILL

WAITING = ("queued", "running")
FURTHEST = timedelta(days=1)
"""How far from its own interval a run looks for others that it can serve; bounds the size of one restatement."""


class RestateOperator(SparkJobOperator):
    """Restate the interval of the params, or else the run's data interval, and return the restatement's summary.

    The first run of a backfill that comes here restates the intervals of its neighbours along with its own, and these
    find that done. A run that is cleared restates anew.
    """

    application_module = "restate"
    kind = "restate"
    is_about_windows = True
    operator_extra_links = (RestatementLink(),)

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Submit, wait, and read the summary in `etl.run`, or take the share that a neighbour has left."""
        from web_traffic.warehouse.ledger import run_summary, take_share

        dag_run = context["dag_run"]
        name = run_name(dag_run.dag_id, dag_run.run_id)
        with open_database() as connection:
            share = take_share(connection, _share_name(dag_run))
        if share:
            self.log.info("restated along with its neighbours by run %s: %s", share["run_id"], json.dumps(share))
            return share
        neighbours = list(_neighbours(dag_run)) if dag_run.run_type == BACKFILL else []
        self.log.info("%s neighbours in the backfill wait for the same", len(neighbours))
        shares = [[_share_name(run), *_times(run)] for run in neighbours]
        environment = _interval(context["params"], dag_run) | {"RESTATE_SHARES": json.dumps(shares)}
        self.submit(context, name, environment, LARGE_RUN)  # it reads a day of Kafka, for the late events
        with open_database() as connection:
            summary = run_summary(connection, name, "restate")
        if summary is None or summary["status"] != "succeeded":
            raise RuntimeError(f"spark-submit ended well, but etl.run has no restatement {name}: {summary}")
        return summary


def windows_of_run(params: Mapping[str, Any], dag_run: Any) -> Interval | None:
    """Return what a run restates: the form's interval, or its data interval; None for the windows that are open.

    Raises `NeedsAttention` if it has neither.
    """
    if params.get("close_idle_windows"):
        return None
    times: Sequence[str | None] = (params.get("restate_from"), params.get("restate_to"))
    if not any(times):
        if dag_run.data_interval_start is None:
            raise NeedsAttention("this run has no data interval: give 'Restate from' and 'Restate to'")
        times = _times(dag_run)
    return Interval(*(datetime.fromisoformat(at or "").astimezone(UTC) for at in times))


def _interval(params: Mapping[str, Any], dag_run: Any) -> dict[str, str]:
    """Return what to restate, as the settings of the application."""
    flags = {name.upper(): str(bool(params.get(name))).lower() for name in ("dry_run", "close_idle_windows")}
    interval = windows_of_run(params, dag_run)
    start, end = (at.isoformat() for at in interval) if interval else ("", "")
    return flags | {"RESTATE_FROM": start, "RESTATE_TO": end}


def _neighbours(dag_run: Any) -> Iterator[Any]:
    """Find the runs of the same backfill that still wait, without a gap in either direction."""
    length = _length(dag_run)
    for step in (length, -length):
        end = dag_run.data_interval_end + step
        while abs(end - dag_run.data_interval_end) <= FURTHEST and (run := _find_waiting(dag_run, end)):
            yield run
            end += step


def _find_waiting(dag_run: Any, end: datetime) -> Any | None:
    """Return the waiting backfill run whose interval ends then; a run that was scheduled once has kept its name."""
    from airflow.sdk.execution_time.comms import GetDagRun
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    own_kind = dag_run.run_id.partition("__")[0]
    for kind in sorted((BACKFILL, "scheduled"), key=lambda kind: kind != own_kind):
        run_id = f"{kind}__{end.astimezone(UTC).isoformat()}"
        try:
            run: Any = SUPERVISOR_COMMS.send(GetDagRun(dag_id=dag_run.dag_id, run_id=run_id))
        except AirflowRuntimeError:  # there is none
            continue
        is_same = run.run_type == BACKFILL and run.state in WAITING and (run.conf or {}) == (dag_run.conf or {})
        return run if is_same and run.data_interval_end == end else None
    return None


def _share_name(dag_run: Any) -> str:
    return f"{run_name(dag_run.dag_id, dag_run.run_id)}#{dag_run.clear_number}"


def _times(dag_run: Any) -> list[str]:
    """Return start and end of the run's data interval, both outwards to the boundary of a window."""
    times = (dag_run.data_interval_start, dag_run.data_interval_end)
    # As plain datetimes: differences of Airflow's, which are pendulum's, can't be divided by a timedelta.
    start, end = (datetime.fromisoformat(at.astimezone(UTC).isoformat()) for at in times)
    return [window_start(at).isoformat() for at in (start, end + WINDOW - timedelta.resolution)]


def _length(dag_run: Any) -> timedelta:
    length: timedelta = dag_run.data_interval_end - dag_run.data_interval_start
    return length
