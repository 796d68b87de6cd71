"""Which events a restatement still counts, by the record that brings them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyarrow as pa
import pytest

from web_traffic.events import count, judge
from web_traffic.lateness import Acceptance, ReadRange

LATENESS = timedelta(hours=1)
FIRST, REBUILT = UUID(int=1), UUID(int=2)
NEVER_READ = 99


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-29T{clock}+00:00")


def earliest(acceptance: Acceptance, partition: int, offset: int, timestamp: str) -> str:
    """Return from which event time on a record counts."""
    records = pa.RecordBatch.from_pydict(
        {"partition": [partition], "offset": [offset], "timestamp": [at(timestamp)]},
        pa.schema([("partition", pa.int32()), ("offset", pa.int64()), ("timestamp", pa.timestamp("us", "UTC"))]),
    )
    return f"{acceptance.accepted_from(records).to_pylist()[0]:%H:%M:%S}"


@pytest.fixture
def acceptance() -> Acceptance:
    """Return the rule where one batch has read 0 to 9, the next one 10 to 19, and a rebuilt query 5 to 29."""
    return Acceptance.of(
        LATENESS,
        [
            ReadRange(FIRST, 0, 10, 20, at("12:07:00")),
            ReadRange(FIRST, 0, 0, 10, datetime(1970, 1, 1, tzinfo=UTC)),
            ReadRange(FIRST, 1, 0, 10, at("12:00:00")),
            ReadRange(REBUILT, 0, 15, 30, at("12:31:00")),
        ],
    )


@pytest.mark.parametrize(
    ("timestamp", "earliest_event"),
    [
        ("13:04:59.999", "12:00:00"),  # less than an hour after 12:05
        ("13:05:00", "12:05:00"),
        ("13:05:01", "12:05:00"),
    ],
)
def test_an_event_counts_within_the_allowed_lateness_of_the_end_of_its_window(
    acceptance: Acceptance, timestamp: str, earliest_event: str
) -> None:
    assert earliest(acceptance, 0, NEVER_READ, timestamp) == earliest_event
    assert earliest(acceptance, 2, 0, timestamp) == earliest_event


@pytest.mark.parametrize(
    ("offset", "earliest_event"),
    [
        (9, "00:00:00"),  # before anything was sealed
        (10, "12:05:00"),  # 12:05 to 12:10 ends after 12:07
        (14, "12:05:00"),
        (15, "12:05:00"),  # the earlier of two queries
        (20, "12:30:00"),  # the rebuilt query alone
        (29, "12:30:00"),
        (30, "21:00:00"),  # nobody
    ],
)
def test_an_event_that_the_live_run_has_accepted_counts_however_late(
    acceptance: Acceptance, offset: int, earliest_event: str
) -> None:
    assert earliest(acceptance, 0, offset, "22:00:00") == earliest_event


def test_the_ranges_of_another_partition_do_not_matter(acceptance: Acceptance) -> None:
    assert earliest(acceptance, 1, 5, "22:00:00") == "12:00:00"


def test_what_is_too_late_is_neither_counted_nor_rejected() -> None:
    values = [f'{{"host": "a.example", "event_time": "2026-03-29T{clock}Z"}}'.encode() for clock in ("12:00", "12:05")]
    values = [value.replace(b'Z"', b':00Z"') for value in values]
    records = pa.RecordBatch.from_pydict({"value": values, "accepted_until": [at("13:00:00")] * 2})
    judged = judge(records, accepted_from=pa.array([at("12:05:00")] * 2, pa.timestamp("us", "UTC")))
    counted = [row for batch in count([judged]) for row in batch.to_pylist() if row["host"]]
    assert [(row["event_time"], row["hits"]) for row in counted] == [(at("12:05:00"), 1)]
    assert judged.reasons == {}
