"""What the recount expects of restated windows. Times are clock times of 2026-01-01."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.recounting import expect
from tests.unit.web_traffic.recount.test_counting import SKEW, WINDOW_US, at, processed, starts
from web_traffic.recount.counting import Batch, Place, Record, tally
from web_traffic.recount.expecting import Expected
from web_traffic.recount.restating import Restated, Restatement, newest_of

HOUR = 3_600_000_000
LEDGER, RECORDS = processed(["12:01:00", "12:20:00"], [], ["12:02:00"])  # the last one is late
TIMES = at("12:00:00"), at("12:15:00"), HOUR, at("23:00:00")
WHOLE = Restatement(*TIMES, {0: 0}, {0: 3}, closes_idle_windows=False, window_us=WINDOW_US)


def restated(
    *restatements: Restatement,
    ledger: list[Batch] = LEDGER,
    records: list[Record] = RECORDS,
    rejected: dict[Place, int] | None = None,
) -> Expected:
    rule = Restated(list(restatements), ledger, SKEW, rejected or {})
    rule.add(records)
    expected = expect(ledger, tally(records, ledger, SKEW, rejected or {}))
    newest = newest_of(restatements)
    expected.windows = rule.windows + Counter(
        {window: hits for window, hits in expected.windows.items() if window.start_us not in newest}
    )
    return expected


def test_a_late_event_counts_where_its_window_was_restated() -> None:
    assert starts(restated()) == {"12:00": 1}
    assert starts(restated(WHOLE)) == {"12:00": 2}
    assert restated(WHOLE).late == 1


@pytest.mark.parametrize(
    ("restatement", "hits"),
    [
        (replace(WHOLE, from_us=at("12:05:00")), {"12:00": 1}),
        (replace(WHOLE, end_offsets={0: 2}), {"12:00": 1}),
        (replace(WHOLE, end_offsets={}), {}),
    ],
)
def test_it_does_not_where_that_was_not_or_the_restatement_had_not_read_it(
    restatement: Restatement, hits: dict[str, int]
) -> None:
    assert starts(restated(restatement)) == hits


def test_only_the_allowed_lateness_decides_over_what_the_live_run_has_dropped() -> None:
    just_in_time = [*RECORDS[:2], replace_timestamp(RECORDS[2], "13:04:59.999")]
    assert starts(restated(WHOLE, records=just_in_time)) == {"12:00": 2}
    too_late = [*RECORDS[:2], replace_timestamp(RECORDS[2], "13:05:00")]
    assert starts(restated(WHOLE, records=too_late)) == {"12:00": 1}


def test_what_the_live_run_has_counted_counts_however_late_it_came() -> None:
    records = [replace_timestamp(record, "22:00:00") for record in RECORDS[:2]]
    assert starts(restated(WHOLE, records=records)) == {"12:00": 1}


NOBODY_READ = ("nobody", 0)


def test_an_event_that_no_batch_had_read_does_not_count_if_it_is_ahead_of_the_clock_of_the_restatement() -> None:
    early = replace(WHOLE, started_us=at("11:50:00"), known_batch=NOBODY_READ)
    assert "12:00" not in starts(restated(early))
    assert starts(restated(replace(early, started_us=at("23:00:00")))) == {"12:00": 2}


def test_a_record_without_a_timestamp_counts_once_a_batch_has_read_it_by_the_clock_of_the_batch() -> None:
    records = [record._replace(timestamp_ms=-1) for record in RECORDS]
    for planned_at, hits in (("13:04:59", 2), ("13:05:00", 1)):  # the allowed lateness is an hour
        ledger = [replace(batch, planned_us=at(planned_at)) for batch in LEDGER]
        assert starts(restated(WHOLE, ledger=ledger, records=records)) == {"12:00": hits}
    assert "12:00" not in starts(restated(replace(WHOLE, known_batch=NOBODY_READ), records=records))


def test_a_batch_is_judged_by_the_clock_skew_that_it_had() -> None:
    records = [replace_timestamp(record, "11:50:00") for record in RECORDS]
    assert "12:00" not in starts(restated(WHOLE, records=records))
    ledger = [replace(batch, max_clock_skew_us=HOUR) for batch in LEDGER]
    assert starts(restated(WHOLE, ledger=ledger, records=records)) == {"12:00": 2}


def test_the_newest_restatement_decides() -> None:
    assert starts(restated(replace(WHOLE, end_offsets={0: 2}), WHOLE)) == {"12:00": 2}
    assert starts(restated(WHOLE, replace(WHOLE, end_offsets={0: 2}))) == {"12:00": 1}


def replace_timestamp(record: Record, clock: str) -> Record:
    return record._replace(timestamp_ms=at(clock) // 1000)


@pytest.mark.parametrize(("rejected_at", "hits"), [("22:59:59", 1), ("23:00:00", 2)])
def test_a_record_that_was_rejected_before_the_restatement_stays_rejected(rejected_at: str, hits: int) -> None:
    assert starts(restated(WHOLE, rejected={Place(0, 2): at(rejected_at)})) == {"12:00": hits}
