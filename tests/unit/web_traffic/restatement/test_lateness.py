"""Which events a restatement still counts, by the record that brings them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pyarrow as pa
import pytest

from web_traffic.events import judge
from web_traffic.precount import count
from web_traffic.restatement.lateness import Acceptance, ReadRange

LATENESS = timedelta(hours=1)
FIRST, REBUILT = UUID(int=1), UUID(int=2)
NEVER_READ = 99
STARTED, SKEW = datetime(2026, 3, 30, tzinfo=UTC), timedelta(minutes=5)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-29T{clock}+00:00")


def earliest(acceptance: Acceptance, partition: int, offset: int, timestamp: str) -> str:
    """Return from which event time on a record counts."""
    records = pa.RecordBatch.from_pydict(
        {"partition": [partition], "offset": [offset], "timestamp": [at(timestamp)]},
        pa.schema([("partition", pa.int32()), ("offset", pa.int64()), ("timestamp", pa.timestamp("us", "UTC"))]),
    )
    return f"{acceptance.bounds(records).accepted_from.to_pylist()[0]:%H:%M:%S}"


@pytest.fixture
def acceptance() -> Acceptance:
    """Return the rule where one batch has read 0 to 9, the next one 10 to 19, and a rebuilt query 5 to 29."""
    return Acceptance.of(
        LATENESS,
        STARTED,
        SKEW,
        [
            ReadRange(FIRST, 0, 10, 20, at("12:07:00"), STARTED, SKEW),
            ReadRange(FIRST, 0, 0, 10, datetime(1970, 1, 1, tzinfo=UTC), STARTED, SKEW),
            ReadRange(FIRST, 1, 0, 10, at("12:00:00"), STARTED, SKEW),
            ReadRange(REBUILT, 0, 15, 30, at("12:31:00"), STARTED, SKEW),
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


def bounds(sent_ms: int, *ranges: ReadRange) -> tuple[str, str]:
    """Return from which window on, and until when, the record at offset 5 counts for a restatement of midnight."""
    columns = {"partition": [0], "offset": [5], "timestamp": [sent_ms * 1000]}
    types = [("partition", pa.int32()), ("offset", pa.int64()), ("timestamp", pa.int64())]
    records = pa.RecordBatch.from_pydict(columns, pa.schema(types))
    records = records.set_column(2, "timestamp", records["timestamp"].cast(pa.timestamp("us", "UTC")))
    found = Acceptance.of(LATENESS, STARTED, SKEW, ranges).bounds(records)
    [first], [last] = found.accepted_from.to_pylist(), found.accepted_until.to_pylist()
    return f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"


READ = ReadRange(FIRST, 0, 0, 10, at("11:00:00"), at("12:10:00"), timedelta(minutes=30))
NONE, ZERO, SECONDS, MICROSECONDS = -1, 0, 1_774_785_600, 1_774_785_600_000_000


@pytest.mark.parametrize("sent_ms", [NONE, ZERO, SECONDS, MICROSECONDS])
def test_a_record_without_a_timestamp_counts_by_the_clock_of_the_batch_that_read_it(sent_ms: int) -> None:
    assert bounds(sent_ms, READ) == ("2026-03-29 11:00", "2026-03-29 12:40")


@pytest.mark.parametrize("sent_ms", [NONE, ZERO, SECONDS, MICROSECONDS])
def test_a_record_without_a_timestamp_does_not_count_before_a_batch_has_read_it(sent_ms: int) -> None:
    assert bounds(sent_ms)[0] > "9000"


def test_an_event_is_from_the_future_by_the_clock_skew_of_the_batch_that_read_it() -> None:
    sent_ms = int(at("12:00:00").timestamp() * 1000)
    assert bounds(sent_ms, READ)[1] == "2026-03-29 12:30"
    assert bounds(sent_ms)[1] == "2026-03-29 12:05"


def test_of_two_queries_that_have_read_a_record_the_more_generous_one_decides() -> None:
    other = ReadRange(REBUILT, 0, 0, 10, at("11:30:00"), at("13:10:00"), timedelta(minutes=5))
    assert bounds(NONE, READ, other) == bounds(NONE, other, READ) == ("2026-03-29 11:00", "2026-03-29 13:15")
