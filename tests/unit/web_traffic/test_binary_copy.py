"""Rows of the binary COPY, read back by the rules of PostgreSQL's documentation."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from web_traffic.warehouse.binary_copy import to_rows

TYPES = {"at": "timestamptz", "name": "text", "hits": "int8"}
SCHEMA = pa.schema([("at", pa.timestamp("us", "UTC")), ("name", pa.string()), ("hits", pa.int64())])
STAGE = UUID("0ff1ce00-0000-4000-8000-000000000001")
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

Row = tuple[datetime | None, str | None, int | None]
rows = st.tuples(
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    st.none() | st.integers(-(2**63), 2**63 - 1),
)


def fields(data: bytes) -> Iterator[bytes | None]:
    """Read the fields of all rows."""
    at = 0
    while at < len(data):
        (number,) = struct.unpack_from("!h", data, at)
        at += 2
        for _ in range(number):
            (size,) = struct.unpack_from("!i", data, at)
            at += 4
            yield data[at : at + size] if size >= 0 else None
            at += max(size, 0)


def decode(at: bytes | None, name: bytes | None, hits: bytes | None) -> Row:
    return (
        None if at is None else EPOCH + timedelta(microseconds=struct.unpack("!q", at)[0]),
        None if name is None else name.decode(),
        None if hits is None else struct.unpack("!q", hits)[0],
    )


def batch(values: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(zip(TYPES, row, strict=True)) for row in values], SCHEMA)


@settings(deadline=None)  # the first call imports what Arrow needs
@given(st.lists(rows), st.data())
def test_every_row_comes_back_also_of_a_part_of_a_batch(values: list[Row], data: Any) -> None:
    first = data.draw(st.integers(0, len(values)))
    number = data.draw(st.integers(0, len(values) - first))

    read = list(fields(bytes(to_rows(batch(values).slice(first, number), TYPES, STAGE))))

    found = [tuple(read[at : at + 4]) for at in range(0, len(read), 4)]
    assert [stage for stage, *_ in found] == [STAGE.bytes] * number
    assert [decode(*others) for _, *others in found] == values[first : first + number]
