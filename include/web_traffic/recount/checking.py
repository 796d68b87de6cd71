"""One recount, from the ledger to the outcome; only open windows and a day of restated ones are in memory."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

from web_traffic.kafka import Topic
from web_traffic.recount.counting import Batch, Ranges, tally
from web_traffic.recount.expecting import Expected, Query
from web_traffic.recount.gaps import accepted, missing, without_lost
from web_traffic.recount.reach import find_start
from web_traffic.recount.report import Recount
from web_traffic.recount.restating import Restated, Restatement, newest_of
from web_traffic.recount.topic import offset_ranges, read_topic
from web_traffic.recount.warehouse import (
    Connection,
    count_outside,
    read_ledger,
    read_limits,
    read_restatements,
    read_windows,
    rejected_times,
)
from web_traffic.settings import Settings

MOST_RECORDS = 200_000
"""Offsets of successive batches that are read at once; one batch is never divided."""
DAY_US = timedelta(days=1) // timedelta(microseconds=1)


class Check:
    """A recount of the windows that begin between two times, by the ledger, the topic and the table of one moment."""

    def __init__(
        self, settings: Settings, connection: Connection, topic: Topic, from_us: int | None, to_us: int | None
    ) -> None:
        """Find where to begin; raises `RecordsMissing` if Kafka no longer holds the records."""
        self._settings = settings
        self._connection = connection
        self._topic = topic
        self._first_offsets = {int(name): first for name, first in topic.first_offsets.items()}
        self._limits = read_limits(connection)
        ledger = read_ledger(connection, topic)
        if self._limits.has_lost_runs and ledger:
            ledger[0] = replace(ledger[0], is_cut=True)
        self._ledger = without_lost(ledger, topic.id, self._first_offsets)
        start = find_start(self._ledger, self._first_offsets, from_us, self._limits.windows_kept_from_us)
        self._begin = start.first
        self._restatements = read_restatements(connection, start.from_us, to_us)
        self._restated = newest_of(self._restatements)
        self._idle = newest_of(each for each in self._restatements if each.closes_idle_windows)
        self._skew_us = settings.max_clock_skew // timedelta(microseconds=1)
        self._widest_skew_us = max([self._skew_us, *(batch.max_clock_skew_us or 0 for batch in ledger)])
        self._expected = Expected()
        self.outcome = Recount(
            batches=len(ledger) - start.first,
            from_us=start.from_us,
            to_us=to_us,
            ledger_errors=list(missing(ledger, topic.id)),
        )

    def run(self) -> Recount:
        """Recount and compare."""
        outcome, expected = self.outcome, self._expected
        compared_us = outcome.from_us
        for query in self._queries():
            compared_us = self._recount_query(query, compared_us)
            if self._is_done():
                break
        self._compare(compared_us, outcome.to_us)
        restated = (start_us for start_us in self._restated if self._is_asked_for(start_us))
        for day_us in sorted({start_us - start_us % DAY_US for start_us in restated}):
            self._recount_restated(day_us, day_us + DAY_US)
        outcome.add_up(expected)
        if outcome.to_us is None:
            idle_us = [each.to_us for each in self._restatements if each.closes_idle_windows]
            sealed_us = max([*idle_us, expected.sealed_until_us or 0]) or None
            outcome.check_seal(sealed_us, self._limits.sealed_until_us)
        outcome.rows_not_checked = count_outside(self._connection, outcome.from_us, outcome.to_us)
        outcome.gaps += accepted(self._ledger[self._begin :])
        return outcome

    def _queries(self) -> Iterator[list[Batch]]:
        for _, batches in groupby(self._ledger[self._begin :], key=lambda batch: batch.query_id):
            yield list(batches)

    def _is_done(self) -> bool:
        to_us = self.outcome.to_us
        return to_us is not None and self._expected.closed_until_us >= to_us

    def _recount_query(self, batches: list[Batch], compared_us: int | None) -> int | None:
        """Recount the batches of a query, and compare the windows that it closes; returns their end."""
        before = self._ledger[self._begin - 1] if self._begin and batches[0] is self._ledger[self._begin] else None
        is_own = before is not None and before.query_id == batches[0].query_id
        query = Query(self._expected, batches[0], before if is_own else None)
        for group in _groups(batches):
            ranges = offset_ranges(group)
            rejected_us = rejected_times(self._connection, self._topic.id, ranges)
            records = read_topic(self._settings, ranges)
            for batch, counted in zip(group, tally(records, group, self._skew_us, rejected_us), strict=True):
                query.add(batch, counted)
            closed_until_us = self._expected.closed_until_us
            if compared_us is None or closed_until_us > compared_us:
                self._compare(compared_us, closed_until_us)
                compared_us = closed_until_us
            if self._is_done():
                break
        query.end()
        return compared_us

    def _compare(self, from_us: int | None, to_us: int | None) -> None:
        """Compare the windows that were closed with the rows of this time, apart from restated windows."""
        limit_us = self.outcome.to_us
        if limit_us is not None:
            to_us = limit_us if to_us is None else min(to_us, limit_us)
        closed = self._expected.take()
        for window in [window for window in closed if window.start_us in self._restated]:
            hits = closed.pop(window)
            if window.start_us in self._idle:  # the live run emitted them later, so it did not write them
                self._expected.superseded += hits
        closed = Counter({window: hits for window, hits in closed.items() if self._is_asked_for(window.start_us)})
        rows = (
            (window, hits)
            for window, hits in read_windows(self._connection, from_us, to_us)
            if window.start_us not in self._restated
        )
        self.outcome.compare(closed, rows, self._expected.unsure_until_us)

    def _is_asked_for(self, start_us: int) -> bool:
        from_us, to_us = self.outcome.from_us, self.outcome.to_us
        return (from_us is None or start_us >= from_us) and (to_us is None or start_us < to_us)

    def _recount_restated(self, from_us: int, to_us: int) -> None:
        """Recount the restated windows between two times, and compare them."""
        restatements = [
            replace(each, from_us=max(each.from_us, from_us), to_us=min(each.to_us, to_us))
            for each in self._restatements
            if each.from_us < to_us and each.to_us > from_us
        ]
        ranges = self._ranges(restatements, max(from_us, self.outcome.from_us or from_us))
        rejected_us = rejected_times(self._connection, self._topic.id, ranges)
        restated = Restated(restatements, self._ledger, self._skew_us, rejected_us)
        restated.add(read_topic(self._settings, ranges))
        expected = Counter(
            {window: hits for window, hits in restated.windows.items() if self._is_asked_for(window.start_us)}
        )
        rows = (
            (window, hits)
            for window, hits in read_windows(self._connection, from_us, to_us)
            if window.start_us in self._restated and self._is_asked_for(window.start_us)
        )
        self.outcome.compare(expected, rows, self._expected.unsure_until_us)

    def _ranges(self, restatements: list[Restatement], from_us: int) -> Ranges:
        """Return the offsets of all records that may belong to windows from a time on, for these restatements.

        Batches that were planned before, less the clock skew, have read none of them.
        """
        starts: dict[int, int] = {}
        read_until: dict[int, int] = {}
        own = (batch for batch in self._ledger if batch.topic_id in (None, self._topic.id))
        for _, batches in groupby(own, key=lambda batch: batch.query_id):
            first: dict[int, int] | None = None
            for batch in batches:
                if batch.planned_us >= from_us - self._widest_skew_us:
                    for partition, start in (batch.start_offsets if first is None else first).items():
                        starts[partition] = min(start, starts.get(partition, start))
                    break
                first = batch.end_offsets
                read_until |= first
        ranges = {}
        for partition in {name for each in restatements for name in each.end_offsets}:
            end = max(each.end_offsets.get(partition, 0) for each in restatements)
            start = (starts or read_until).get(partition, 0)
            start = max(start, self._first_offsets.get(partition, 0))
            if start < end:
                ranges[partition] = start, end
        return ranges


def _groups(batches: list[Batch]) -> Iterator[list[Batch]]:
    group: list[Batch] = []
    records = 0
    for batch in batches:
        more = sum(end - start for _, start, end in batch.ranges())
        if group and records + more > MOST_RECORDS:
            yield group
            group, records = [], 0
        group.append(batch)
        records += more
    if group:
        yield group
