"""The time range that a view is about."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from web_traffic.window_length import EPOCH, WINDOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PRESETS = {"1h": HOUR, "6h": 6 * HOUR, "24h": DAY, "7d": 7 * DAY}
LONGEST = 366 * DAY
YEARS = range(1971, 2200)
"""The years that a range may lie in: the range before it must be a time, too."""


class BadRange(ValueError):
    """A range that can't be shown; the message says what to give instead."""


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` up to but not including `end`, both UTC and on the boundary of a bucket."""

    start: datetime
    end: datetime
    bucket: timedelta
    """The time that one point of a chart covers: a window, an hour or a day, by the length of the range."""

    @classmethod
    def of(cls, preset: str, start: datetime | None, end: datetime | None, now: datetime) -> Self:
        """Return the range from `start` to `end` if they are given, else the `preset` that ends now.

        Both ends go outwards to the boundary of a bucket. Raises `BadRange`.
        """
        if start is None and end is None:
            if preset not in PRESETS:
                raise BadRange(f"range={preset}: give one of {', '.join(PRESETS)}, or from and to")
            start, end = now - PRESETS[preset], now
        if start is None or end is None:
            raise BadRange("give both from and to")
        if not all(at.year in YEARS for at in (start, end)):
            raise BadRange(f"from and to must lie in the years {YEARS[0]} to {YEARS[-1]}")
        start, end = _utc(start), _utc(end)
        if not timedelta(0) < end - start <= LONGEST:
            raise BadRange("from must be before to, and at most a year before it")
        bucket = _bucket(end - start)
        return cls(_floor(start, bucket), -(-(end - EPOCH) // bucket) * bucket + EPOCH, bucket)

    def parameters(self) -> dict[str, datetime | timedelta]:
        """Return the range as parameters of a query."""
        return {"range_start": self.start, "range_end": self.end, "bucket": self.bucket}

    def buckets(self) -> list[int]:
        """Return the start of each bucket, in seconds since 1970."""
        step = int(self.bucket.total_seconds())
        return list(range(int(self.start.timestamp()), int(self.end.timestamp()), step))


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _bucket(length: timedelta) -> timedelta:
    if length <= DAY + HOUR:
        return WINDOW
    return max(HOUR, WINDOW) if length <= 31 * DAY else DAY


def _floor(at: datetime, bucket: timedelta) -> datetime:
    return (at - EPOCH) // bucket * bucket + EPOCH
