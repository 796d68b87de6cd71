"""Applies the watermark to the counts of batches, and hands out each window once it is closed.

Only the hits of open windows are kept, so the memory does not grow with the number of batches.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from web_traffic.recount.counting import Batch, Tally
from web_traffic.recount.rules import Window, written

WATERMARK_DELAY_US = 60_000_000


@dataclass(slots=True)
class Expected:
    """The closed windows that nobody has taken yet, and the counts of all records so far."""

    windows: Counter[Window] = field(default_factory=Counter)
    closed_until_us: int = 0
    """Windows that begin before then are closed."""
    sealed_until_us: int | None = None
    read: int = 0
    rejected: int = 0
    future: int = 0
    late: int = 0
    superseded: int = 0
    open_hits: int = 0
    """Of the newest query, which counts again what an abandoned checkpoint left open."""
    disagreements: list[str] = field(default_factory=list)
    """Where the ledger and the records disagree."""
    unsure_until_us: int = 0
    """Windows that begin before then may hold hits of records that Kafka no longer has."""

    def take(self) -> Counter[Window]:
        """Return the windows that were closed since the last call."""
        taken, self.windows = self.windows, Counter()
        return taken


class Query:
    """The batches of one query, in their order; `expected` has what earlier queries have closed.

    A batch runs under the newest event time of the batches before it, less a minute (and never goes back). It emits
    the windows that end at or before that watermark. It drops events as late if their window was emitted by the batch
    *before* it: Spark 3.4 and later tell the two apart (SPARK-40925). Windows that an earlier query has sealed are not
    written again: their hits are superseded. Before its first event a query's watermark is 1970, so older events are
    always late.
    """

    def __init__(self, expected: Expected, first: Batch, before: Batch | None = None) -> None:
        """Begin with a batch. If it is not the query's first one, the ledger says what the one before left."""
        self.query_id = first.query_id
        self._expected = expected
        self._window_us = first.window_us
        self._sealed_us = expected.sealed_until_us
        self._accepted: Counter[Window] = Counter()
        self._watermark_us = self._emitted_until_us = self._newest_us = 0
        self._has_lost = False
        if before:
            self._emitted_until_us = before.watermark_us or 0
            self._newest_us = first.watermark_us + WATERMARK_DELAY_US if first.watermark_us else 0
        expected.open_hits = 0  # a new query counts again what the one before left open

    def add(self, batch: Batch, counted: Tally) -> None:
        """Take the next batch into account, and close the windows that it emits."""
        expected = self._expected
        self._watermark_us = max(self._watermark_us, self._newest_us // 1000 * 1000 - WATERMARK_DELAY_US)
        self._has_lost = self._has_lost or bool(batch.lost)
        if self._has_lost:  # its figures can't be found any more
            self._watermark_us = max(self._watermark_us, batch.watermark_us or 0)
            expected.unsure_until_us = max(expected.unsure_until_us, self._floor(self._watermark_us))
        else:
            expected.disagreements += _disagreements(batch, counted, self._watermark_us)
        expected.read += counted.read
        expected.rejected += counted.rejected
        expected.future += counted.future
        for window, hits in counted.hits.items():
            if window.start_us + self._window_us <= self._emitted_until_us:
                expected.late += hits
            else:
                self._accepted[window] += hits
                expected.open_hits += hits
        if self._floor(self._watermark_us) > self._floor(self._emitted_until_us):
            self._close()
        self._emitted_until_us = self._watermark_us
        self._newest_us = max(self._newest_us, counted.newest_us or 0)

    def end(self) -> None:
        """Let later queries know what this one has sealed."""
        if self._watermark_us:
            sealed_us = self._expected.sealed_until_us
            self._expected.sealed_until_us = max(self._watermark_us, sealed_us or self._watermark_us)

    def _close(self) -> None:
        expected = self._expected
        closed = [window for window in self._accepted if window.start_us + self._window_us <= self._watermark_us]
        for window in closed:
            hits = self._accepted.pop(window)
            expected.open_hits -= hits
            if self._sealed_us is not None and window.start_us + self._window_us <= self._sealed_us:
                expected.superseded += hits
            else:
                expected.windows[window] += hits
        expected.closed_until_us = max(expected.closed_until_us, self._floor(self._watermark_us))

    def _floor(self, at_us: int) -> int:
        return at_us - at_us % self._window_us


def _disagreements(batch: Batch, counted: Tally, watermark_us: int) -> Iterator[str]:
    if (batch.watermark_us or 0) != watermark_us:
        recorded_at, found_at = written(batch.watermark_us), written(watermark_us or None)
        yield f"{batch}: watermark {recorded_at} in the ledger, {found_at} by the events"
    for name in ("read", "rejected", "future"):
        recorded, found = getattr(batch, name), getattr(counted, name)
        if recorded is not None and recorded != found:
            yield f"{batch}: {name} {recorded:,} in the ledger, {found:,} in the topic"
