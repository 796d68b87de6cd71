"""Where the events that may go back come from: a selection of rejected events, or a file of repaired values."""

from collections.abc import Iterator

from web_traffic.errors import NeedsAttention
from web_traffic.redrive.files import Values
from web_traffic.redrive.judging import Candidate
from web_traffic.redrive.ledger import PAGE_BYTES, PAGE_EVENTS, RedriveLedger, Selection

Pages = Iterator[list[Candidate]]
"""Candidates in pages that fit into one redrive."""


class UnknownRecord(NeedsAttention):
    """A value is for a record that was never rejected."""


def selected(ledger: RedriveLedger, selection: Selection) -> Pages:
    """Return the selected events with their own values."""
    for page in ledger.pages(selection):
        yield [Candidate(event, event.value) for event in page]


def repaired(ledger: RedriveLedger, values: Values) -> Pages:
    """Return the events that the values are for, those that a redrive has taken included.

    Raises `UnknownRecord` ahead of the page that a place without a rejected event is in.
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
    """Return the values in parts of at most so many events and bytes, but of at least one event."""
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
