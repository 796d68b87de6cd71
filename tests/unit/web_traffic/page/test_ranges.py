"""Which range a view shows."""

from datetime import UTC, datetime, timedelta

import pytest

from web_traffic.page.ranges import BadRange, Range

NOW = datetime(2026, 3, 29, 12, 3, 20, tzinfo=UTC)
MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("preset", "start", "end", "bucket"),
    [
        ("1h", "2026-03-29T11:00:00Z", "2026-03-29T12:05:00Z", 5 * MINUTES),
        ("24h", "2026-03-28T12:00:00Z", "2026-03-29T12:05:00Z", 5 * MINUTES),
        ("7d", "2026-03-22T12:00:00Z", "2026-03-29T13:00:00Z", 60 * MINUTES),
    ],
)
def test_a_preset_ends_now_and_goes_out_to_whole_buckets(preset: str, start: str, end: str, bucket: timedelta) -> None:
    expected = Range(datetime.fromisoformat(start), datetime.fromisoformat(end), bucket)
    assert Range.of(preset, None, None, NOW) == expected


def test_from_and_to_are_utc_unless_they_say_otherwise_and_go_before_the_preset() -> None:
    start, end = datetime.fromisoformat("2026-03-01T00:02"), datetime.fromisoformat("2026-03-01T03:00+02:00")
    expected = Range(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 1, tzinfo=UTC), 5 * MINUTES)
    assert Range.of("7d", start, end, NOW) == expected


def test_buckets_are_the_points_of_a_chart() -> None:
    within = Range(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, 0, 15, tzinfo=UTC), 5 * MINUTES)
    assert within.buckets() == [0, 300, 600]


@pytest.mark.parametrize(
    ("preset", "start", "end", "message"),
    [
        ("2h", None, None, "range=2h: give one of 1h, 6h, 24h, 7d, or from and to"),
        ("1h", NOW, None, "give both from and to"),
        ("1h", NOW, NOW, "from must be before to, and at most a year before it"),
        ("1h", NOW - timedelta(days=367), NOW, "from must be before to, and at most a year before it"),
    ],
)
def test_a_range_that_cannot_be_shown_is_refused(
    preset: str, start: datetime | None, end: datetime | None, message: str
) -> None:
    with pytest.raises(BadRange, match=f"^{message}$"):
        Range.of(preset, start, end, NOW)
