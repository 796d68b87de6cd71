"""What a cell of the fault matrix is."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack import Stack
from tests.faults.trial import Trial

Surroundings = AbstractContextManager[tuple[Any, Mapping[str, str]]]
"""A tool for the trial, and what its pipeline's environment has to say of it."""


class NotHere(Exception):
    """The machine can't break it in this way."""


def nothing_around(stack: Stack, folder: Path) -> Surroundings:
    return nullcontext((None, {}))


@dataclass(frozen=True)
class Cell:
    """One way to break it; `break_it` returns when the fault is over and everything may recover."""

    name: str
    title: str
    break_it: Callable[[Any], None]
    trials: int = 5
    around: Callable[[Stack, Path], Surroundings] = nothing_around
    kind: type[Trial] = Trial
    """What `break_it` gets."""
