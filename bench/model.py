"""What a run costs, as a sum: a fixed part, and one for each event, each closed window and each open one."""

from collections.abc import Sequence

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
