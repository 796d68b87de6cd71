"""Judged events are counted ahead of Spark: few rows, and none of them in another window."""

from datetime import datetime

import pyarrow as pa

from web_traffic.events import EVENTS, Judged
from web_traffic.precount import COUNTED_TOGETHER, COUNTS_DDL, count


def judged(*events: tuple[str, str, str | None]) -> Judged:
    """Return events that are counted: time in UTC, host, referrer."""
    rows = [(datetime.fromisoformat(f"{time}+00:00"), host, referrer) for time, host, referrer in events]
    return Judged(pa.Table.from_pylist([dict(zip(EVENTS.names, row, strict=True)) for row in rows], EVENTS), {})


def rows(*batches: Judged) -> list[dict]:
    return [row for counts in count(batches) for row in counts.to_pylist()]


def hits(*batches: Judged) -> list[tuple]:
    found = [row for row in rows(*batches) if row["host"]]
    return sorted((f"{row['event_time']:%H:%M:%S}", row["host"], row["referrer"], row["hits"]) for row in found)


def test_events_of_one_key_and_window_become_one_row_with_the_newest_time() -> None:
    times = ("12:00:00", "12:04:59.999999", "12:01:00", "12:05:00")
    batch = judged(*((f"2026-03-29T{time}", "a.example", "r") for time in times))
    assert hits(batch) == [("12:04:59", "a.example", "r", 3), ("12:05:00", "a.example", "r", 1)]


def test_windows_before_1970_are_whole_too() -> None:
    batch = judged(("1969-12-31T23:59:59", "a.example", "r"), ("1970-01-01T00:00:00", "a.example", "r"))
    assert [number for *_, number in hits(batch)] == [1, 1]


def test_small_batches_are_counted_together_and_large_ones_one_by_one() -> None:
    event = ("2026-03-29T12:00:00", "a.example", "r")
    assert [number for *_, number in hits(judged(event), judged(event))] == [2]
    large = judged(*[event] * COUNTED_TOGETHER)
    assert [number for *_, number in hits(large, judged(event))] == [1, COUNTED_TOGETHER]


def test_an_empty_batch_counts_nothing() -> None:
    assert [(row["host"], row["hits"], row["rejected"], row["future"]) for row in rows(judged())] == [(None, 0, 0, 0)]


def test_spark_knows_the_columns_under_the_same_names() -> None:
    assert COUNTS_DDL == (
        "event_time timestamp, host string, referrer string, hits long, rejected long, future long, "
        "oldest_kafka_ms long, newest_kafka_ms long"
    )
