"""Which rejected events would be counted now, and the report about them. Pure."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from web_traffic.events import Rejected, parse
from web_traffic.reasons import Reason
from web_traffic.redrive.ledger import RejectedEvent

VALID = "valid"
TAKEN = "re-driven before"


class Candidate(NamedTuple):
    """A rejected event with the value that would go back: its own, or a repaired one."""

    event: RejectedEvent
    value: bytes | None

    @property
    def repaired_value(self) -> bytes | None:
        """The value to keep beside the original one; None if that goes back as it is."""
        return self.value if self.value != self.event.value else None


def verdict(candidate: Candidate, now: datetime, max_clock_skew: timedelta) -> str:
    """Return `VALID`, or why the event stays.

    The record that goes back gets a new Kafka timestamp, so an event is from the future if it is ahead of `now`.
    """
    if candidate.event.is_taken:
        return TAKEN
    try:
        event_time = parse(candidate.value).event_time
    except Rejected as rejected:
        return rejected.reason
    return Reason.FUTURE if event_time > now + max_clock_skew else VALID


class Report:
    """How many events were selected, by the reason that they were rejected for, and what came of them."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Counter[str]] = {}

    def add(self, candidate: Candidate, outcome: str) -> None:
        """Count an event with its verdict."""
        self._outcomes.setdefault(candidate.event.reason, Counter())[outcome] += 1

    @property
    def valid(self) -> int:
        """How many may go back."""
        return sum(outcomes[VALID] for outcomes in self._outcomes.values())

    @property
    def selected(self) -> int:
        """How many there are."""
        return sum(outcomes.total() for outcomes in self._outcomes.values())

    def lines(self, done: str) -> Iterator[str]:
        """Return the report in words; `done` says what happened to the valid ones."""
        for reason, outcomes in sorted(self._outcomes.items()):
            others = sorted((-count, why) for why, count in outcomes.items() if why not in (VALID, TAKEN))
            stay = "".join(f"; {-count:,} stay: {why}" for count, why in others)
            taken = f"; {outcomes[TAKEN]:,} {TAKEN}" if outcomes[TAKEN] else ""
            yield f"{reason}: {outcomes.total():,} selected, {outcomes[VALID]:,} {done}{stay}{taken}"
        yield f"{self.valid:,} of {self.selected:,} selected events {done}."
