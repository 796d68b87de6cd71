"""The outcome of a recount, as data and in words."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from web_traffic.recount.counting import Expected
from web_traffic.recount.rules import Window, written

_SAMPLES = 5


class Difference(NamedTuple):
    """A window whose hits differ from the events; 0 stands for no row."""

    window: Window
    expected: int
    found: int

    def __str__(self) -> str:
        return f"{self.window}: {self.found:,} in the table, {self.expected:,} by the events"


@dataclass(slots=True)
class Differences:
    """How many windows differ in one way, and the first few of them."""

    count: int = 0
    samples: list[Difference] = field(default_factory=list)

    def add(self, difference: Difference) -> None:
        """Count it; keep it while there are few."""
        self.count += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(difference)


@dataclass(slots=True)
class Recount:
    """The counts of the topic's records, and where the table or the ledger differ from them. Figures are events."""

    batches: int = 0
    windows_checked: int = 0
    missing: Differences = field(default_factory=Differences)
    unexpected: Differences = field(default_factory=Differences)
    different: Differences = field(default_factory=Differences)
    read: int = 0
    rejected: int = 0
    future: int = 0
    late: int = 0
    superseded: int = 0
    open_hits: int = 0
    closed_hits: int = 0
    ledger_errors: list[str] = field(default_factory=list)
    left_out: Differences = field(default_factory=Differences)
    """Windows with hits of records that Kafka no longer holds: they can't be checked."""
    gaps: list[str] = field(default_factory=list)
    """The gaps that were accepted."""

    @property
    def is_right(self) -> bool:
        """Whether table and ledger agree with the events."""
        return not (self.missing.count or self.unexpected.count or self.different.count or self.ledger_errors)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield (
            f"Recounted {self.read:,} records of {self.batches:,} batches: {self.rejected:,} rejected, "
            f"{self.future:,} from the future, {self.late:,} late, {self.superseded:,} superseded, "
            f"{self.closed_hits:,} in closed windows, {self.open_hits:,} in open ones."
        )
        for name, differences in (
            ("missing from the table", self.missing),
            ("in the table, but not in the events", self.unexpected),
            ("with another number of hits", self.different),
        ):
            if differences.count:
                yield f"WRONG: {differences.count:,} of {self.windows_checked:,} windows {name}, such as"
                yield from (f"  {sample}" for sample in differences.samples)
        for error in self.ledger_errors[:_SAMPLES]:
            yield f"WRONG: {error}"
        if len(self.ledger_errors) > _SAMPLES:
            yield f"WRONG: … and {len(self.ledger_errors) - _SAMPLES:,} more of the ledger's figures"
        for gap in self.gaps:
            yield f"ACCEPTED: {gap}."
        if self.left_out.count:
            yield f"LEFT OUT: {self.left_out.count:,} windows have hits of records that Kafka no longer holds, such as"
            yield from (f"  {sample}" for sample in self.left_out.samples)
        if self.is_right:
            others = "other " if self.left_out.count else ""
            checked = self.windows_checked - self.left_out.count
            yield f"RIGHT: all {checked:,} {others}closed windows are in the table, with exactly their hits."


def compare(expected: Expected, found: Counter[Window], sealed_until_us: int | None, batches: int = 0) -> Recount:
    """Compare the expected windows with those in the table, one by one."""
    windows = expected.windows.keys() | found.keys()
    recount = Recount(
        batches=batches,
        windows_checked=len(windows),
        read=expected.read,
        rejected=expected.rejected,
        future=expected.future,
        late=expected.late,
        superseded=expected.superseded,
        open_hits=expected.open_hits,
        closed_hits=expected.windows.total(),
        ledger_errors=list(expected.disagreements),
    )
    for window in windows:
        difference = Difference(window, expected.windows[window], found[window])
        if difference.expected == difference.found:
            continue
        if difference.found > difference.expected and window.start_us < expected.unsure_until_us:
            recount.left_out.add(difference)
        elif not difference.found:
            recount.missing.add(difference)
        elif not difference.expected:
            recount.unexpected.add(difference)
        else:
            recount.different.add(difference)
    if sealed_until_us != expected.sealed_until_us:
        recount.ledger_errors.append(
            f"sealed_until {written(sealed_until_us)} in etl.pipeline, "
            f"{written(expected.sealed_until_us)} by the events"
        )
    return recount
