"""The recount's watermark: which events are late, which windows are closed, and what the ledger must say.

A stream is a list of batches, a batch a list of clock times of events on 2026-01-01; they lie one after another in
partition 0.
"""

from datetime import UTC, datetime, timedelta

import pytest

from simulator import Traffic
from tests.recounting import expect
from web_traffic.recount.counting import Batch, Place, Record, tally
from web_traffic.recount.expecting import Expected
from web_traffic.recount.rules import microseconds
from web_traffic.recount.topic import offset_ranges

SKEW = WINDOW_US = 300_000_000


def at(clock: str) -> int:
    return microseconds(datetime.fromisoformat(f"2026-01-01T{clock}+00:00"))


def event(clock: str) -> bytes:
    return f'{{"host": "a.example", "event_time": "2026-01-01T{clock}Z"}}'.encode()


def processed(*batches: list[str], query: str = "q", first_offset: int = 0) -> tuple[list[Batch], list[Record]]:
    """Ledger and records of a query whose ledger is right about the watermark."""
    ledger: list[Batch] = []
    records: list[Record] = []
    newest, offset = 0, first_offset
    for number, clocks in enumerate(batches):
        watermark = max(0, newest // 1000 * 1000 - 60_000_000) or None
        end = offset + len(clocks)
        ledger.append(Batch(query, number, {0: offset}, {0: end}, watermark, at("23:00:00"), WINDOW_US))
        for clock in clocks:
            records.append(Record(0, offset, at(clock) // 1000, event(clock)))
            offset += 1
            newest = max(newest, at(clock))
    return ledger, records


def outcome(ledger: list[Batch], records: list[Record]) -> Expected:
    return expect(ledger, tally(records, ledger, SKEW, {}))


def starts(expected: Expected) -> dict[str, int]:
    """Hits of the closed windows by the clock time of their start."""
    return {
        datetime.fromtimestamp(window_us / 1e6, UTC).strftime("%H:%M"): hits
        for (window_us, _, _), hits in expected.windows.items()
    }


def test_hits_either_side_of_a_boundary_fall_in_two_windows() -> None:
    expected = outcome(*processed(["12:04:59.999", "12:05:00", "12:20:00"], []))
    assert starts(expected) == {"12:00": 1, "12:05": 1}
    assert expected.open_hits == 1


@pytest.mark.parametrize(("newest", "closed"), [("12:06:00", 1), ("12:05:59.999999", 0)])
def test_a_window_closes_when_the_newest_event_of_earlier_batches_is_a_minute_past_its_end(
    newest: str, closed: int
) -> None:
    expected = outcome(*processed(["12:04:00", newest], []))
    assert expected.windows.total() == closed
    assert expected.disagreements == []


def test_a_batch_does_not_move_its_own_watermark() -> None:
    expected = outcome(*processed(["12:04:00", "12:59:00"]))
    assert expected.sealed_until_us is None
    assert expected.open_hits == 2


@pytest.mark.parametrize("newest", ["12:06:00", "12:10:00"])
def test_an_event_is_late_when_the_batch_before_has_emitted_its_window(newest: str) -> None:
    expected = outcome(*processed(["12:00:00", newest], [], ["12:01:00"]))
    assert starts(expected) == {"12:00": 1}
    assert expected.late == 1


def test_an_event_is_not_late_when_its_own_batch_is_the_one_that_emits_its_window() -> None:
    expected = outcome(*processed(["12:00:00", "12:10:00"], ["12:01:00"]))
    assert starts(expected) == {"12:00": 2}
    assert expected.late == 0


def test_events_from_before_1970_are_always_late() -> None:
    ledger = [Batch("q", 0, {0: 0}, {0: 1}, None, at("23:00:00"), WINDOW_US)]
    value = b'{"host":"a","event_time":"1960-01-01T00:00:00Z"}'
    assert outcome(ledger, [Record(0, 0, at("12:00:00") // 1000, value)]).late == 1


def test_records_outside_of_the_batches_are_not_counted() -> None:
    ledger, records = processed(["12:00:00"], ["12:01:00"], first_offset=7)
    records = [Record(0, 6, 0, b""), *records, Record(0, 9, 0, b""), Record(1, 7, 0, b"")]
    assert outcome(ledger, records).read == 2


def test_what_is_rejected_or_from_the_future_does_not_move_the_watermark() -> None:
    noon_ms = at("12:00:00") // 1000
    records = [
        Record(0, 0, noon_ms, event("12:00:00")),
        Record(0, 1, noon_ms, event("13:00:00")),
        Record(0, 2, noon_ms, None),
    ]
    ledger = [
        Batch("q", 0, {0: 0}, {0: 3}, None, at("23:00:00"), WINDOW_US),
        Batch("q", 1, {0: 3}, {0: 3}, at("11:59:00"), at("23:00:00"), WINDOW_US),
    ]
    expected = outcome(ledger, records)
    assert (expected.rejected, expected.future, expected.open_hits) == (1, 1, 1)
    assert expected.disagreements == []


def test_the_clock_of_the_batch_counts_when_the_producers_clock_is_ahead() -> None:
    ledger = [Batch("q", 0, {0: 0}, {0: 1}, None, at("12:00:00"), WINDOW_US)]
    assert outcome(ledger, [Record(0, 0, at("13:00:00") // 1000, event("13:00:00"))]).future == 1


def test_a_rebuilt_checkpoint_counts_open_windows_again_and_supersedes_sealed_ones() -> None:
    old_ledger, records = processed(["12:00:00", "12:10:00"], [], query="old")
    new_ledger, more = processed(["12:00:00", "12:10:00"], ["12:20:00"], [], query="new")
    expected = outcome(old_ledger + new_ledger, more)
    assert starts(expected) == {"12:00": 1, "12:10": 1}
    assert expected.superseded == 1
    assert len(records) + len(more) == expected.read == 5


def test_every_record_is_accounted_for() -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    sent = list(Traffic(3, malformed=0.05, late=0.05, future=0.05).events(start, start + timedelta(hours=1), 4_000))
    records = [Record(0, offset, event.timestamp_ms, event.value) for offset, event in enumerate(sent)]
    ledger = [
        Batch("q", number, {0: 1000 * number}, {0: 1000 * number + 1000}, None, at("23:00:00"), WINDOW_US)
        for number in range(4)
    ]
    expected = outcome([*ledger, Batch("q", 4, {0: 4000}, {0: 4000}, None, at("23:00:00"), WINDOW_US)], records)
    counted = expected.rejected + expected.future + expected.late + expected.windows.total() + expected.open_hits
    assert counted == expected.read == 4_000
    assert expected.late > 0


def test_the_ledger_is_told_where_it_is_wrong() -> None:
    ledger = [
        Batch("q", 0, {0: 0}, {0: 1}, None, at("23:00:00"), WINDOW_US, read=2, rejected=0, future=0),
        Batch("q", 1, {0: 1}, {0: 1}, at("12:00:00"), at("23:00:00"), WINDOW_US),
    ]
    assert outcome(ledger, [Record(0, 0, at("12:10:00") // 1000, event("12:10:00"))]).disagreements == [
        "batch 0 of query q: read 2 in the ledger, 1 in the topic",
        "batch 1 of query q: watermark 2026-01-01T12:00:00+00:00 in the ledger, "
        "2026-01-01T12:09:00+00:00 by the events",
    ]


def test_offset_ranges_span_all_batches_and_begin_at_zero_where_a_start_is_not_known() -> None:
    ledger = [
        Batch("q", 0, {0: 5}, {0: 9}, None, 0, WINDOW_US),
        Batch("q", 1, {0: 9}, {0: 12, 1: 3}, None, 0, WINDOW_US),
    ]
    assert offset_ranges(ledger) == {0: (5, 12), 1: (0, 3)}


def test_a_record_that_was_rejected_before_a_batch_was_planned_is_rejected_in_it() -> None:
    ledger, records = processed(["12:00:00", "12:01:00"])
    [counted] = tally(records, ledger, SKEW, {Place(0, 0): at("22:59:59"), Place(0, 1): at("23:00:00")})
    assert (counted.read, counted.rejected, counted.hits.total()) == (2, 1, 1)
