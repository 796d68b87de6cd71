"""The files in which a broker keeps a partition: what a disk that was restored from an older copy looks like."""

import struct
from collections.abc import Iterator
from pathlib import Path

_HEADER = struct.Struct(">qi")
"""Base offset and length of a record batch: https://kafka.apache.org/documentation/#recordbatch."""


def cut_tail(folder: Path, batches: int) -> None:
    """Cut the newest record batches from the newest segment that has any; the broker must be down."""
    segments = [file for file in sorted(folder.glob("*.log")) if file.stat().st_size]
    if not segments:
        return
    newest = segments[-1]
    ends = [0, *_batch_ends(newest.read_bytes())]
    with newest.open("r+b") as segment:
        segment.truncate(ends[max(len(ends) - 1 - batches, 0)])
    for later in folder.glob("*.snapshot"):  # what the broker knew of producers is of a later time
        later.unlink()


def _batch_ends(content: bytes) -> Iterator[int]:
    position = 0
    while position + _HEADER.size <= len(content):
        base_offset, length = _HEADER.unpack_from(content, position)
        if length <= 0 or (position and base_offset == 0):  # the room that the broker has reserved ahead
            return
        position += _HEADER.size + length
        yield position
