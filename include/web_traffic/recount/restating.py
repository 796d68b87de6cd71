"""Counts the hits that restated windows must hold, late events included."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from web_traffic.recount.counting import Batch, Finder, Place, Record
from web_traffic.recount.rules import Hit, Window, classify

_NEVER_FUTURE_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Restatement:
    """A restatement that was written; times in microseconds since the epoch."""

    from_us: int
    to_us: int
    allowed_lateness_us: int
    started_us: int
    """Its clock: an event far ahead of it is from the future."""
    start_offsets: dict[int, int]
    end_offsets: dict[int, int]
    """Exclusive."""
    closes_idle_windows: bool
    window_us: int
    """How long the windows are that it has counted."""
    max_clock_skew_us: int | None = None
    """As it was for this restatement; None if the ledger does not say."""
    known_batch: tuple[str, int] | None = None
    """Query and number of the newest batch that it knew; None for all."""

    def ranges(self) -> Iterator[tuple[int, int, int]]:
        """Yield partition, first offset and end of what it has read."""
        for partition, end in self.end_offsets.items():
            yield partition, self.start_offsets.get(partition, 0), end


def newest_of(restatements: Iterable[Restatement]) -> dict[int, Restatement]:
    """Return the newest restatement of each restated window, by the window's start."""
    newest: dict[int, Restatement] = {}
    for restatement in restatements:
        newest |= dict.fromkeys(range(restatement.from_us, restatement.to_us, restatement.window_us), restatement)
    return newest


class Restated:
    """The restated windows: each holds the hits that the newest restatement of its interval must have found.

    An event counts if its offset is below the restatement's end, if it was not rejected before the restatement began,
    and if it was neither from the future nor too late for its readers. It is not too late if a reader had not sealed
    its window yet, or if it reached Kafka within the allowed lateness of the window's end. Its readers are the batches
    that the restatement knew. Without one the restatement is the reader, and the record needs a timestamp of its own.
    The restatement's first offset does not matter: an event that it should have read, but did not, shows as a
    difference.
    """

    def __init__(
        self,
        restatements: list[Restatement],
        batches: list[Batch],
        max_clock_skew_us: int,
        rejected_us: Mapping[Place, int],
    ) -> None:
        self.windows: Counter[Window] = Counter()
        self._newest = newest_of(restatements)
        self._lengths_us = {restatement.window_us for restatement in restatements}
        self._max_clock_skew_us = max_clock_skew_us
        self._rejected_us = rejected_us
        self._batches = batches
        self._places = {(batch.query_id, batch.batch_id): index for index, batch in enumerate(batches)}
        self._finder = Finder(batches)
        self._sealed_before_us = _sealed_before(batches)

    def add(self, records: Iterable[Record]) -> None:
        """Count each of the records in its window, if that was restated."""
        for record in records:
            self._add(record)

    def _add(self, record: Record) -> None:
        hit = classify(record.value, _NEVER_FUTURE_US)
        if not isinstance(hit, Hit) or (restatement := self._restatement_of(hit)) is None:
            return
        was_read = record.offset < restatement.end_offsets.get(record.partition, 0)
        started_us = restatement.started_us
        was_rejected = self._rejected_us.get(Place(record.partition, record.offset), started_us) < started_us
        if was_read and not was_rejected and self._counts(record, hit, restatement):
            self.windows[hit.window(restatement.window_us)] += 1

    def _restatement_of(self, hit: Hit) -> Restatement | None:
        for length_us in self._lengths_us:
            restatement = self._newest.get(hit.window(length_us).start_us)
            if restatement and restatement.window_us == length_us:
                return restatement
        return None

    def _counts(self, record: Record, hit: Hit, restatement: Restatement) -> bool:
        window_end_us = hit.window(restatement.window_us).start_us + restatement.window_us
        known = restatement.known_batch
        newest = self._places.get(known, -1) if known else len(self._batches)
        read_by = [index for index in self._finder.batches_of(record) if index <= newest]
        if not read_by:
            reached_us = record.reached_us(restatement.started_us)
            is_timed = record.timestamp_ms * 1000 == reached_us
            until_us = reached_us + self._skew(restatement)
            return is_timed and hit.event_us <= until_us and _in_time(reached_us, window_end_us, restatement)
        batches = [self._batches[index] for index in read_by]
        reached = [record.reached_us(batch.planned_us) for batch in batches]
        until_us = max(at_us + self._skew(batch) for at_us, batch in zip(reached, batches, strict=True))
        was_accepted = any(window_end_us > self._sealed_before_us[index] for index in read_by)
        is_counted = was_accepted or _in_time(min(reached), window_end_us, restatement)
        return is_counted and hit.event_us <= until_us

    def _skew(self, judge: Batch | Restatement) -> int:
        return self._max_clock_skew_us if judge.max_clock_skew_us is None else judge.max_clock_skew_us


def _in_time(reached_us: int, window_end_us: int, restatement: Restatement) -> bool:
    return reached_us < window_end_us + restatement.allowed_lateness_us


def _sealed_before(batches: list[Batch]) -> list[int]:
    """Return what was sealed before each batch; the first one runs under a watermark of 1970."""
    sealed_us, sealed_before = 0, []
    for batch in batches:
        sealed_before.append(sealed_us)
        sealed_us = max(sealed_us, batch.watermark_us or 0)
    return sealed_before
