"""What the DAG does at each place, and what must come of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.compatibility.places import Place, Site
from tests.faults.cells.kills import run_by_airflow
from tests.faults.stopped import stopped_at, wait_until
from tests.faults.trial import Trial
from tests.pipeline import RUN_LIMIT_SECONDS, Pipeline

EVENTS = 5_000
FAULT_POINT = "spark.yarn.appMasterEnv.FAULT_POINT"
REDRIVE = {"redrive_reasons": ["from the future"], "redrive_since": "2026-03-28T00:00:00+00:00"}
RESTATE = {"restate_from": "2026-03-28T23:30:00+00:00", "restate_to": "2026-03-29T00:00:00+00:00"}


class NotRight(Exception):
    """The tour came to its end, or did not, and something is not as it must be; the message says what."""


def tour(place: Place, site: Site, trial: Trial) -> None:
    """Run, be killed at two points, redrive and restate; raises `NotRight`.

    The second run also sends back the events from the future. The traffic of its hour has late events, which the
    restatement adds to the hour before.
    """
    run_by_airflow(trial)
    trial.pipeline.environment |= site.environment
    trial.produce(EVENTS, hour=0)
    killed(trial, site, "before begin")
    run(trial, "first run", {})
    trial.produce(EVENTS, hour=1)
    killed(trial, site, "batch committed")
    run(trial, "run with a redrive", REDRIVE)
    outcome = trial.compare(place.title, 0)
    if not outcome.is_clean:
        raise NotRight(str(outcome))
    run(trial, "restatement", RESTATE)
    recount = trial.pipeline.recount()
    if not recount.is_right:
        raise NotRight(str(recount))
    for what, query in {
        "event sent back": "SELECT count(*) FROM etl.rejected_event WHERE redriven_at IS NOT NULL",
        "row restated": "SELECT count(*) FROM etl.restatement",
        "driver killed": "SELECT count(*) - 1 FROM etl.run WHERE status = 'failed'",
    }.items():
        if trial.pipeline.query(query) < [(1,)]:
            raise NotRight(f"no {what}")


def run(trial: Trial, step: str, form: Mapping[str, Any]) -> None:
    """Let the DAG run once, with its form filled in."""
    result = with_form(trial, form).submit()
    if result.returncode:
        raise NotRight(f"the {step} fails: {last_words(result.stdout)}")


def with_form(trial: Trial, form: Mapping[str, Any]) -> Pipeline:
    return replace(trial.pipeline, command=[*(trial.pipeline.command or ()), json.dumps(form)])


def last_words(log: str) -> str:
    """Return the error with which the task ended, for a row of the page."""
    said = [line for line in log.splitlines() if "Error" in line or "Exception" in line or "Failed" in line]
    return (said or log.splitlines() or ["no output"])[-1]


def killed(trial: Trial, site: Site, point: str) -> None:
    """Kill a run of the DAG at a point: all of it, or of a driver in the cluster its container."""
    if site.yarn is None:
        site.write()
        with stopped_at(trial.pipeline, point) as stopped:
            stopped.kill("group")
        return
    site.write(**{FAULT_POINT: f"{point}#1"})
    task = trial.pipeline.start()
    try:
        wait_until(lambda: bool(site.stopped_driver()), f"a driver that has stopped at {point!r}", RUN_LIMIT_SECONDS)
        site.write()
        for process in site.stopped_driver():
            process.kill()
        task.communicate(timeout=RUN_LIMIT_SECONDS)
    finally:
        task.kill()
        task.communicate()
