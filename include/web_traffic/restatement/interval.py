"""Decides whether an interval may be restated, and plans which records are read for it.

A refusal names the way out if there is one, and leaves the table as it was. Partial data never replaces whole data: a
restatement reads at least the records that the windows were counted from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from web_traffic.errors import CountedOtherwise, NeedsAttention, NotIdle, NotKept, NotSealed
from web_traffic.gate import decide
from web_traffic.intervals import Interval
from web_traffic.kafka import Topic
from web_traffic.restatement.lateness import Acceptance, ReadRange
from web_traffic.restatement.reading import Reading, plan_reading
from web_traffic.settings import RestateSettings, Settings, Share
from web_traffic.statements import statements_beside
from web_traffic.warehouse.history import Fingerprint, read_standing
from web_traffic.window_length import WINDOW, window_start
from web_traffic.windows import WATERMARK

statement = statements_beside(__name__)
KEPT_MARGIN = timedelta(days=1)
"""A batch reads events that are at most the clock skew ahead of it: far less than that."""
SAME = ("topic id", "window", "watermark delay", "keys")
"""The parts of a fingerprint in which a restatement must agree with the runs that wrote the windows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The interval to restate, and the records to count it from."""

    interval: Interval
    reading: Reading
    acceptance: Acceptance
    shares: tuple[Share, ...]
    """The other runs whose intervals the plan covers."""
    idle_after: tuple[UUID, int] | None
    """Query and newest batch of the live run, if the restatement closes the windows that these left open."""


def make_plan(
    settings: Settings,
    request: RestateSettings,
    connection: psycopg.Connection[Any],
    topic: Topic,
    expected: Fingerprint,
    now: datetime,
) -> Plan:
    """Plan the restatement of an interval, or of the idle windows; raises `NeedsAttention` if it may not run.

    The plan also covers the intervals of the other runs that it can serve, unless a check fails.
    """
    with connection.transaction():
        [(sealed_until, *kept)] = connection.execute(statement("sealed_until")).fetchall()
    idle_after = None
    if request.interval is None:
        interval, idle_after = _open_windows(connection, topic, sealed_until, now)
    else:
        interval = request.interval
        require_sealed(interval, sealed_until)
    shares = [share for share in request.shares if sealed_until and share.interval.end <= sealed_until]
    shares.sort(key=lambda share: abs(share.interval.start - interval.start))
    while True:
        try:
            stretched = _stretch(interval, shares)
            require_kept(stretched, *kept)
            _require_same(connection, stretched, expected)
            reading = plan_reading(settings, connection, topic, stretched, request.allowed_lateness)
            break
        except NeedsAttention:
            if not shares:
                raise
            shares = shares[: len(shares) // 2]  # the nearer ones
    ranges = _read_ranges(settings, connection, topic, reading)
    acceptance = Acceptance.of(request.allowed_lateness, now, settings.max_clock_skew, ranges)
    return Plan(stretched, reading, acceptance, tuple(shares), idle_after)


def require_sealed(interval: Interval, sealed_until: datetime | None) -> None:
    """Raise `NotSealed` unless all windows of the interval are sealed."""
    if sealed_until is None or interval.end > sealed_until:
        sealed = f"windows are sealed until {sealed_until}" if sealed_until else "no window is sealed yet"
        raise NotSealed(
            f"{interval}: {sealed}, so the live run may still write these: restate them once a run has read an event "
            f"of {interval.end + WATERMARK} or later; if no such event will come, run once with close_idle_windows"
        )


def require_kept(
    interval: Interval, windows_kept_from: datetime | None, runs_kept_from: datetime | None = None
) -> None:
    """Raise `NotKept` if retention has deleted windows of the interval, or batches that may have read its events."""
    if windows_kept_from and interval.start < windows_kept_from:
        raise NotKept(
            f"{interval}: windows before {windows_kept_from} were deleted by retention: restate only later ones"
        )
    if runs_kept_from and interval.start < runs_kept_from + KEPT_MARGIN:
        raise NotKept(
            f"{interval}: the ledger of runs before {runs_kept_from} was deleted by retention, so nobody knows which "
            f"records belong to it: restate only windows from {runs_kept_from + KEPT_MARGIN} on"
        )


def _stretch(interval: Interval, shares: Iterable[Share]) -> Interval:
    intervals = [interval, *(share.interval for share in shares)]
    return Interval(min(each.start for each in intervals), max(each.end for each in intervals))


def _open_windows(
    connection: psycopg.Connection[Any], topic: Topic, sealed_until: datetime | None, now: datetime
) -> tuple[Interval, tuple[UUID, int]]:
    """Return the open windows, and the newest batch; raises `NotIdle` if an event may still close them."""
    standing = read_standing(connection)
    newest = standing.newest_batch if standing else None
    if newest is None or newest.watermark is None or sealed_until is None:
        raise NotIdle("the live run has counted no event yet: there is nothing to close")
    decision = decide(standing, topic.end_offsets)
    if decision.must_run:
        raise NotIdle(f"the live run has work to do ({decision.reason}): let it run once, then close the open windows")
    newest_event = newest.watermark + WATERMARK
    interval = Interval(window_start(sealed_until), window_start(newest_event) + WINDOW)
    if interval.start >= interval.end:
        raise NotIdle(f"no window is open: all up to {sealed_until} are closed")
    if interval.end + WATERMARK > now:
        raise NotIdle(f"the window of the newest event ends at {interval.end}: wait until a minute after that")
    return interval, (newest.query_id, newest.batch_id)


def _require_same(connection: psycopg.Connection[Any], interval: Interval, expected: Fingerprint) -> None:
    """Raise `CountedOtherwise` if the interval's windows were not counted from this topic, by these rules."""
    parameters = {"restate_from": interval.start, "first_end": interval.start + WINDOW, "restate_to": interval.end}
    with connection.transaction():
        writers = connection.execute(statement("window_writers"), parameters).fetchall()
    for (fingerprint,) in writers:
        different = [
            f"{name} was {fingerprint.get(name)}, is {expected[name]}"
            for name in SAME
            if fingerprint.get(name) != expected[name]
        ]
        if different:
            raise CountedOtherwise(
                f"{interval}: its windows were counted in another way ({'; '.join(different)}), so they stay as they "
                "are: restate only windows that were counted since then"
            )


def _read_ranges(
    settings: Settings, connection: psycopg.Connection[Any], topic: Topic, reading: Reading
) -> list[ReadRange]:
    parameters = {
        "topic_id": topic.id,
        "start_offsets": Jsonb(reading.start_offsets),
        "end_offsets": Jsonb(reading.end_offsets),
        "max_clock_skew": settings.max_clock_skew,
    }
    with connection.transaction():
        rows = connection.execute(statement("read_ranges"), parameters).fetchall()
    return [ReadRange(*(*row[:-1], timedelta(microseconds=row[-1]))) for row in rows]
