"""The outcome of a recount, as data and in words."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from web_traffic.recount.expecting import Expected
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
    from_us: int | None = None
    """Windows that begin before then were not checked; None if all were."""
    to_us: int | None = None
    """Windows that begin then or later were not checked; None if all were."""
    rows_not_checked: int = 0
    """Rows of the table in such windows."""

    @property
    def is_right(self) -> bool:
        """Whether table and ledger agree with the events."""
        return not (self.missing.count or self.unexpected.count or self.different.count or self.ledger_errors)

    def compare(
        self, expected: Counter[Window], found: Iterable[tuple[Window, int]], unsure_until_us: int = 0
    ) -> None:
        """Compare windows with their rows in the table, one by one, as the rows come; takes from `expected`.

        Both must be of the same time. Windows that begin before `unsure_until_us` may have more hits than expected.
        """
        self.closed_hits += expected.total()
        for window, hits in found:
            self._add(Difference(window, expected.pop(window, 0), hits), unsure_until_us)
        for window, hits in expected.items():
            self._add(Difference(window, hits, 0), unsure_until_us)
        expected.clear()

    def _add(self, difference: Difference, unsure_until_us: int) -> None:
        self.windows_checked += 1
        if difference.expected == difference.found:
            return
        if difference.found > difference.expected and difference.window.start_us < unsure_until_us:
            self.left_out.add(difference)
        elif not difference.found:
            self.missing.add(difference)
        elif not difference.expected:
            self.unexpected.add(difference)
        else:
            self.different.add(difference)

    def add_up(self, expected: Expected) -> None:
        """Take the counts of all records."""
        self.read, self.rejected, self.future = expected.read, expected.rejected, expected.future
        self.late, self.superseded, self.open_hits = expected.late, expected.superseded, expected.open_hits
        self.ledger_errors += expected.disagreements

    def check_seal(self, expected_us: int | None, found_us: int | None) -> None:
        """Compare the time up to which windows are sealed."""
        if found_us != expected_us:
            self.ledger_errors.append(
                f"sealed_until {written(found_us)} in etl.pipeline, {written(expected_us)} by the events"
            )

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
        if self.rows_not_checked:
            yield f"NOT CHECKED: {self.rows_not_checked:,} rows of windows that begin {self._outside()}."
        if self.is_right:
            others = "other " if self.left_out.count else ""
            checked = self.windows_checked - self.left_out.count
            span = "that were checked " if self.rows_not_checked else ""
            yield f"RIGHT: all {checked:,} {others}closed windows {span}are in the table, with exactly their hits."

    def _outside(self) -> str:
        sides = []
        if self.from_us is not None:
            sides.append(f"before {written(self.from_us)}")
        if self.to_us is not None:
            sides.append(f"at {written(self.to_us)} or later")
        return ", or ".join(sides)
