"""Rows of PostgreSQL's binary COPY, made from whole Arrow columns: Python touches no row.

The format is in PostgreSQL's documentation of COPY, section "Binary Format": each row begins with the number of its
fields, each field with the number of its bytes, or -1 for NULL; all numbers are big-endian. A `timestamptz` is the
microseconds since the year 2000 in UTC.
"""

import sys
from array import array
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""What COPY begins with, then no flags and no extension of the header."""
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"
EPOCH = (datetime(2000, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
TYPECODES = {pa.int32(): "i", pa.int64(): "q"}


def to_rows(batch: pa.RecordBatch, types: Mapping[str, str], first: UUID) -> memoryview:
    """Return the batch as rows: first this UUID, then each column as its type in PostgreSQL.

    The types are `text`, `int8` and `timestamptz`, by column in the order of the batch.
    """
    begin = (len(types) + 1).to_bytes(2) + _size(16) + first.bytes
    fields = [_field(column, kind) for column, kind in zip(batch.columns, types.values(), strict=True)]
    rows = pc.binary_join_element_wise(pa.scalar(begin), *fields, b"")
    _, offsets, joined = rows.buffers()
    ends = memoryview(offsets).cast("i")
    return memoryview(joined)[ends[rows.offset] : ends[rows.offset + len(rows)]]


def _field(column: pa.Array, kind: str) -> pa.Array:
    if kind == "text":
        value = column.cast(pa.binary())
        size = _big_endian(pc.fill_null(pc.binary_length(value), 0))
    else:
        number = column.cast(pa.int64())
        if kind == "timestamptz":
            number = pc.subtract(number, EPOCH)
        value = pc.if_else(column.is_valid(), _big_endian(pc.fill_null(number, 0)), pa.scalar(None, pa.binary()))
        size = pa.scalar(_size(8))
    return pc.fill_null(pc.binary_join_element_wise(size, value, b""), NULL)


def _big_endian(numbers: pa.Array) -> pa.Array:
    """Return the bytes of numbers, none of which is null."""
    swapped = array(TYPECODES[numbers.type])
    width = swapped.itemsize
    swapped.frombytes(memoryview(numbers.buffers()[1])[numbers.offset * width :][: len(numbers) * width])
    if sys.byteorder == "little":
        swapped.byteswap()
    whole = pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(numbers), [None, pa.py_buffer(swapped)])
    return whole.cast(pa.binary())


def _size(number: int) -> bytes:
    return number.to_bytes(4)
