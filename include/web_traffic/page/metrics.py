"""The state of the pipeline in figures, read from the database, and in Prometheus's text format."""

from collections.abc import Iterator
from typing import Any

from web_traffic.page.asking import Connection, ask
from web_traffic.page.overview import overview

PREFIX = "web_traffic_"
BOOKS = ("open_before", "read", "rejected", "future", "late", "superseded", "emitted", "open_after")
Sample = tuple[dict[str, str], float]
Family = tuple[str, str, list[Sample]]
"""Name without `PREFIX`, meaning, and a figure by labels; all of them are gauges."""


def metrics(connection: Connection) -> str:
    """Return all metrics as text. One that is not known yet has no sample."""
    return "".join(line for family in known_families(connection) for line in _family(*family))


def known_families(connection: Connection) -> Iterator[Family]:
    """Yield each metric with the samples that are known; a rule may measure what is no number."""
    for name, about, samples in _families(connection):
        known = [(labels, value) for labels, value in samples if value is not None and not isinstance(value, str)]
        yield name, about, known


def _families(connection: Connection) -> Iterator[tuple[str, str, list[tuple[dict[str, str], Any]]]]:
    state = overview(connection)
    [row] = ask(connection, "metrics")
    run, closed = row["run"] or {}, row["closed"] or {}
    alerts = state["open_alerts"]
    yield "run_started_timestamp_seconds", "When the newest live run began", [({}, run.get("started"))]
    yield "run_failed", "Whether the newest live run failed", [({}, float(run["status"] == "failed") if run else None)]
    yield "checked_timestamp_seconds", "When a live run was checked last", [({}, row["checked"])]
    yield "sealed_timestamp_seconds", "Up to where windows are closed for good", [({}, row["sealed"])]
    yield "open_hits", "Hits in windows that are not closed yet", [({}, state["open_hits"])]
    yield "late_events", "Late events since the newest restatement", [({}, state["late"])]
    books = [({"figure": name}, closed.get(name)) for name in BOOKS]
    yield "run_events", "The books of the newest live run that closed them, in events", books
    phases = [({"phase": name}, seconds) for name, seconds in (closed.get("phases") or {}).items()]
    yield "run_phase_seconds", "How long the phases of that run took", phases
    yield "run_seconds", "How long that run took", [({}, closed.get("seconds"))]
    counts = [({"severity": name}, alerts[key]) for name, key in (("error", "errors"), ("warning", "warnings"))]
    yield "open_incidents", "Open incidents that nobody silenced", counts
    yield "silenced_incidents", "Open incidents that somebody silenced", [({}, alerts["silenced"])]
    rules = [({"rule": one["rule"], "severity": one["severity"]}, one) for one in row["rules"] or ()]
    offenders = [(labels, one["offenders"]) for labels, one in rules]
    yield "quality_offenders", "Offenders that a rule found at the newest check", offenders
    observed = [({**labels, "unit": one["unit"] or ""}, one["observed"]) for labels, one in rules]
    yield "quality_observed", "The figure that a rule measured at the newest check", observed


def _family(name: str, about: str, samples: list[Sample]) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {about}\n# TYPE {PREFIX}{name} gauge\n"
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{PREFIX}{name}{{{shown}}} {value}\n" if shown else f"{PREFIX}{name} {value}\n"


def _escaped(text: Any) -> str:
    return str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
