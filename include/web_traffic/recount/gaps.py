"""Finds what is missing by the ledger: batches, records between batches, and gaps that a person has accepted."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from web_traffic.recount.counting import Batch, Ranges


def without_lost(batches: list[Batch], topic_id: str, first_offsets: dict[int, int]) -> list[Batch]:
    """Mark in each batch the records that it read and Kafka no longer holds, and those that it could not read.

    Records of another topic are gone, and so are those in a gap that was accepted after the batch: their offsets may
    hold other records now. In its own gap a batch read only records that came later, from `first_offsets` on.
    """
    marked: list[Batch] = []
    gap: Ranges = {}
    for batch in reversed(batches):
        reads = {name: (batch.start_offsets.get(name, 0), end) for name, end in batch.end_offsets.items()}
        of_another_topic = batch.topic_id not in (None, topic_id)
        lost = _common(reads, reads if of_another_topic else gap)
        deleted = {partition: (0, first) for partition, first in first_offsets.items()}
        marked.append(replace(batch, never_there=_common(batch.gap, deleted), lost=lost))
        if not of_another_topic:
            gap = _united(gap, batch.gap)
    return marked[::-1]


def missing(batches: list[Batch], topic_id: str) -> Iterator[str]:
    """Name batches that the ledger lacks, and records that none of its batches has read."""
    before: dict[str, Batch] = {}
    read_until: dict[int, int] = {}
    for batch in batches:
        if batch.topic_id not in (None, topic_id):
            continue
        previous = before.get(batch.query_id)
        if not batch.is_cut and batch.batch_id != (previous.batch_id + 1 if previous else 0):
            last = f"follows batch {previous.batch_id}" if previous else "is the first"
            yield f"{batch} {last} in the ledger: batches are missing, so the database was restored from a copy"
        if read_until:
            last_name = f"batch {previous.batch_id}" if previous else "the batches before"
            yield from _unread(batch, previous.end_offsets if previous else read_until, last_name)
        before[batch.query_id] = batch
        read_until |= {name: max(end, read_until.get(name, 0)) for name, end in batch.end_offsets.items()}


def accepted(batches: Iterable[Batch]) -> Iterator[str]:
    """Say which gaps were accepted."""
    for batch in batches:
        for partition, (first, end) in batch.gap.items():
            yield f"run {batch.run_id} was told to go on without offsets {first} to {end} of partition {partition}"


def _unread(batch: Batch, ends: dict[int, int], last_name: str) -> Iterator[str]:
    for partition, start in batch.start_offsets.items():
        end = ends.get(partition, 0)
        first, last = batch.gap.get(partition, (start, start))
        if end < start and not first <= end <= start <= last:
            yield (
                f"{batch} starts at offset {start} of partition {partition}, but {last_name} ended at {end}: "
                f"no batch in the ledger has read the {start - end:,} records between"
            )


def _common(ranges: Ranges, others: Ranges) -> Ranges:
    pairs = ((partition, ranges[partition], others[partition]) for partition in ranges.keys() & others.keys())
    common = {partition: (max(one[0], two[0]), min(one[1], two[1])) for partition, one, two in pairs}
    return {partition: (first, end) for partition, (first, end) in common.items() if first < end}


def _united(ranges: Ranges, others: Ranges) -> Ranges:
    return ranges | {
        partition: (
            min(first, ranges.get(partition, (first, end))[0]),
            max(end, ranges.get(partition, (first, end))[1]),
        )
        for partition, (first, end) in others.items()
    }
