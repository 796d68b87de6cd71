"""The events that may go back: where they come from, which of them are valid now, and the report about them."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from web_traffic.errors import UnknownRecord
from web_traffic.events import Rejected, parse
from web_traffic.reasons import Reason
from web_traffic.redrive.files import Values
from web_traffic.redrive.ledger import PAGE_BYTES, PAGE_EVENTS, RedriveLedger, RejectedEvent, Selection

VALID = "valid"
TAKEN = "re-driven before"
NOT_KEPT = "its value was not kept, because REJECTED_LIMIT was reached"


class Candidate(NamedTuple):
    """A rejected event with the value that would go back: its own, or a repaired one."""

    event: RejectedEvent
    value: bytes | None

    @property
    def repaired_value(self) -> bytes | None:
        """The value to keep beside the original one; None if the original goes back."""
        return self.value if self.value != self.event.value else None


Pages = Iterator[list[Candidate]]
"""Candidates in pages that fit into one redrive."""


def selected(ledger: RedriveLedger, selection: Selection) -> Pages:
    """Return the selected events with their own values."""
    for page in ledger.pages(selection):
        yield [Candidate(event, event.value) for event in page]


def repaired(ledger: RedriveLedger, values: Values) -> Pages:
    """Return the events that the values are for, including those that a redrive has taken.

    Raises `UnknownRecord` instead of a page that names a place without a rejected event.
    """
    for page in pages_of(values):
        events = ledger.find(list(page))
        unknown = [str(place) for place in page if place not in events]
        if unknown:
            raise UnknownRecord(
                f"{len(unknown):,} values are for records that were not rejected, such as {unknown[0]} "
                "(topic id/partition/offset): correct these lines, then start again"
            )
        yield [Candidate(events[place], value) for place, value in page.items()]


def pages_of(values: Values, most_events: int = PAGE_EVENTS, most_bytes: int = PAGE_BYTES) -> Iterator[Values]:
    """Return the values in pages of at most `most_events` and `most_bytes`, but of at least one event."""
    page: Values = {}
    size = 0
    for place, value in values.items():
        length = len(value or b"")
        if page and (len(page) == most_events or size + length > most_bytes):
            yield page
            page, size = {}, 0
        page[place] = value
        size += length
    if page:
        yield page


def verdict(candidate: Candidate, now: datetime, max_clock_skew: timedelta) -> str:
    """Return `VALID`, or why the event stays.

    The record that goes back gets a new Kafka timestamp, so an event is from the future if it is ahead of `now`.
    """
    if candidate.event.is_taken:
        return TAKEN
    values = candidate.value, candidate.event.value
    if values == (None, None) and candidate.event.reason not in (Reason.NULL_VALUE, Reason.UNREADABLE):
        return NOT_KEPT
    try:
        event_time = parse(candidate.value).event_time
    except Rejected as rejected:
        return rejected.reason
    return Reason.FUTURE if event_time > now + max_clock_skew else VALID


class Report:
    """Counts the selected events, by the reason of their rejection and by their verdict."""

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
        """How many were selected."""
        return sum(outcomes.total() for outcomes in self._outcomes.values())

    def lines(self, done: str) -> Iterator[str]:
        """Return the report in words; `done` says what happened to the valid ones."""
        for reason, outcomes in sorted(self._outcomes.items()):
            others = sorted((-count, why) for why, count in outcomes.items() if why not in (VALID, TAKEN))
            stay = "".join(f"; {-count:,} stay: {why}" for count, why in others)
            taken = f"; {outcomes[TAKEN]:,} {TAKEN}" if outcomes[TAKEN] else ""
            yield f"{reason}: {outcomes.total():,} selected, {outcomes[VALID]:,} {done}{stay}{taken}"
        yield f"{self.valid:,} of {self.selected:,} selected events {done}."
