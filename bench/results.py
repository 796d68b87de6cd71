"""What was measured: sections with their rows and goals, kept until the page is written."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that we want, and the one that was measured."""

    number: int
    text: str
    limit: float
    value: float | None
    """None if it could not be measured; the section's notes say why."""
    is_least: bool = False
    """The figure is to be at least the limit; otherwise at most."""

    @property
    def is_met(self) -> bool:
        """Whether it is as good as that, at the digits that the page shows."""
        if self.value is None:
            return False
        value = round(self.value, 2)
        return value >= self.limit if self.is_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Observation:
    """What our runs over one load have cost, by their medians."""

    load: str
    events: int
    rows: int
    """Closed windows."""
    keys: int
    """Open windows."""
    wall: float
    cpu: float
    postgres: float
    kafka: float


@dataclass(frozen=True, slots=True)
class Section:
    """One comparison: a table, what it says about the goals, and the ratios that a regression would change."""

    title: str
    header: list[str]
    rows: list[list[Any]]
    goals: list[Goal] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Results:
    """The sections that were measured so far, in a file."""

    file: Path

    def keep(self, name: str, section: Section) -> None:
        """Keep a section in the place of an earlier one of its name."""
        sections = self.sections() | {name: section}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({each: asdict(section) for each, section in sections.items()}, indent=1))

    def sections(self) -> dict[str, Section]:
        """What is kept."""
        if not self.file.exists():
            return {}
        kept = json.loads(self.file.read_text())
        return {name: _section(each) for name, each in kept.items()}


def _section(kept: dict[str, Any]) -> Section:
    goals = [Goal(**goal) for goal in kept["goals"]]
    return Section(**kept | {"goals": goals, "observations": [Observation(**one) for one in kept["observations"]]})
