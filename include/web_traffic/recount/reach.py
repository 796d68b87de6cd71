"""Finds which windows a recount can check: by what Kafka still holds, and by what a person asks for."""

from collections.abc import Mapping
from typing import NamedTuple

from web_traffic.errors import RecordsMissing
from web_traffic.recount.counting import Batch
from web_traffic.recount.expecting import WATERMARK_DELAY_US
from web_traffic.recount.rules import written


class Start(NamedTuple):
    """Where a recount begins."""

    first: int
    """The first batch, in the order of the ledger."""
    from_us: int | None
    """Windows that begin then or later hold only hits of this batch and of later ones; None if all windows do."""


def find_start(
    batches: list[Batch], first_offsets: Mapping[int, int], wanted_us: int | None, kept_us: int | None
) -> Start:
    """Return the latest start for windows from `wanted_us` on; by default the first one that Kafka allows.

    Raises `RecordsMissing` if Kafka holds too few records, or if such windows are deleted: those before `kept_us`.
    """
    if kept_us is not None and wanted_us is not None and wanted_us < kept_us:
        raise RecordsMissing(
            f"windows before {written(kept_us)} were deleted by retention: give --from that time or a later one"
        )
    if not batches:
        return Start(0, wanted_us)
    held = _first_held(batches, first_offsets)
    if held == len(batches):
        raise RecordsMissing(
            "Kafka no longer holds all records of any batch in the ledger, so no window can be checked: start the "
            "recount again after the next run, and keep records in Kafka for longer"
        )
    reached = _reached(batches)
    earliest_us = reached[held]
    if wanted_us is None and (kept_us is None or (earliest_us is not None and earliest_us >= kept_us)):
        return Start(held, earliest_us)
    wanted_us = kept_us if wanted_us is None else wanted_us
    if wanted_us is None:
        return Start(held, earliest_us)
    if earliest_us is not None and wanted_us < earliest_us:
        raise RecordsMissing(
            f"Kafka no longer holds all records of windows before {written(earliest_us)}: give --from that time or a "
            "later one, or leave it out"
        )
    fitting = [at for at in range(held, len(batches)) if (from_us := reached[at]) is None or from_us <= wanted_us]
    return Start(fitting[-1], wanted_us)


def _first_held(batches: list[Batch], first_offsets: Mapping[int, int]) -> int:
    """Return the first batch from which on Kafka holds all records, apart from those that are lost by the ledger."""
    for index in reversed(range(len(batches))):
        batch = batches[index]
        if batch.is_cut or any(start < first_offsets.get(partition, 0) for partition, start, _ in batch.ranges()):
            return index + 1
    return 0


def _reached(batches: list[Batch]) -> list[int | None]:
    """Return, for a start at each batch, the time from which windows hold only hits of it and of later ones.

    All events of a query up to a batch are older than its watermark plus the delay. A new query begins where the
    windows that were not sealed yet begin.
    """
    reached: list[int | None] = []
    sealed_us = sealed_before_query_us = 0
    for index, batch in enumerate(batches):
        if index == 0:
            reached.append(None)
        elif batch.query_id != batches[index - 1].query_id:
            sealed_before_query_us = sealed_us
            reached.append(_ceiling(sealed_us, batch))
        else:
            newest_us = (batch.watermark_us or 0) + WATERMARK_DELAY_US + 1000  # a watermark is in whole milliseconds
            reached.append(_ceiling(max(newest_us, sealed_before_query_us), batch))
        sealed_us = max(sealed_us, batch.watermark_us or 0)
    return reached


def _ceiling(at_us: int, batch: Batch) -> int:
    return -(-at_us // batch.window_us) * batch.window_us
