"""What a run costs, as a sum: a fixed part, and one for each event, each closed window and each open one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.results import Observation

PARTS = {
    "fixed, s": lambda _: 1.0,
    "per million events, s": lambda seen: seen.events / 1e6,
    "per million closed windows (rows), s": lambda seen: seen.rows / 1e6,
    "per million open windows, s": lambda seen: seen.keys / 1e6,
}


def fit(seen: Sequence[Observation], measure: str) -> list[float]:
    """Return the parts by least squares of the relative errors; `measure` is wall or cpu."""
    measured = np.array([getattr(one, measure) for one in seen])
    parts = np.array([[part(one) for part in PARTS.values()] for one in seen])
    solution, *_ = np.linalg.lstsq(parts / measured[:, None], np.ones(len(seen)), rcond=None)
    return [float(part) for part in solution]


def predict(one: Observation, parts: Sequence[float]) -> float:
    """Return what the model says of a load."""
    return sum(size * part(one) for size, part in zip(parts, PARTS.values(), strict=True))


@dataclass(frozen=True, slots=True)
class Pace:
    """What a cluster would do, by the model: each figure is what would be if nothing else were a limit."""

    cores: int
    """Of Spark's executors."""
    events: float
    """Millions of events a second that these cores take."""
    broker_cores: float
    """Cores that the brokers then need, in sum."""
    postgres_busy: float
    """Seconds a second that PostgreSQL then works on closed windows. One process moves them: more than 1 can't be."""


def pace(cores: int, rows_per_event: float, seen: Sequence[Observation]) -> Pace:
    """Return the pace of a cluster that gives each run enough events for its fixed part not to count."""
    spark, postgres, kafka = (fit(seen, measure) for measure in ("cpu", "postgres", "kafka"))
    events = cores / (spark[1] + rows_per_event * spark[2])
    return Pace(cores, events, events * max(kafka[1], 0), events * rows_per_event * max(postgres[2], 0))
