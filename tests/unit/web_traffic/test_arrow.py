"""Columns become Python's values, whatever their type."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from web_traffic.arrow import spark_ddl, to_list

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)


def test_times_come_back_in_their_order_with_zone_and_microseconds() -> None:
    times = [NOON, NOON + timedelta(microseconds=1), None, NOON, NOON - timedelta(days=1)]
    assert to_list(pa.array(times, pa.timestamp("us", "UTC"))) == times


def test_equal_times_are_made_once() -> None:
    first, second = to_list(pa.array([NOON, NOON], pa.timestamp("us", "UTC")))
    assert first is second


def test_other_types_are_left_to_arrow() -> None:
    assert to_list(pa.array(["a", None, "a"])) == ["a", None, "a"]
    assert to_list(pa.array([3, 3, None])) == [3, 3, None]


def test_spark_gets_the_same_columns_in_the_same_order() -> None:
    schema = pa.schema([("at", pa.timestamp("us", "UTC")), ("host", pa.string()), ("hits", pa.int64())])
    assert spark_ddl(schema) == "at timestamp, host string, hits long"
