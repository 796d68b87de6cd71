"""What must hold before an interval is restated, and which records are read for it.

What does not hold is refused, with a way out where there is one; the table is then as it was. Partial data never
replaces whole data: a restatement reads at least what the windows were counted from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from web_traffic.checkpoint import Checkpoint
from web_traffic.errors import CountedOtherwise, NeedsAttention, NotIdle, NotSealed
from web_traffic.gate import decide
from web_traffic.kafka import Topic
from web_traffic.restatement.lateness import Acceptance, ReadRange
from web_traffic.restatement.reading import Reading, plan_reading
from web_traffic.settings import Interval, RestateSettings, Settings, Share
from web_traffic.statements import statements_beside
from web_traffic.warehouse.history import Fingerprint
from web_traffic.window_length import WINDOW, window_start
from web_traffic.windows import WATERMARK

statement = statements_beside(__file__)
SAME = ("topic id", "window", "watermark delay", "keys")
"""What a restatement must have in common with the runs that have written the windows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is restated, from which records."""

    interval: Interval
    reading: Reading
    acceptance: Acceptance
    shares: tuple[Share, ...]
    """The other runs whose intervals lie in it."""
    idle_after: tuple[UUID, int] | None
    """Query and newest batch of the live run, if the restatement is to close the windows that these have left open."""


def make_plan(
    settings: Settings,
    request: RestateSettings,
    connection: psycopg.Connection[Any],
    topic: Topic,
    expected: Fingerprint,
    now: datetime,
) -> Plan:
    """Plan the restatement of an interval, or of the idle windows; raises one of this module's errors.

    The interval stretches over those of the runs that it can serve as well, as far as nothing speaks against that.
    """
    with connection.transaction():
        [(sealed_until,)] = connection.execute(statement("sealed_until")).fetchall()
    idle_after = None
    if request.interval is None:
        interval, idle_after = _open_windows(settings, topic, sealed_until, now)
    else:
        interval = request.interval
        require_sealed(interval, sealed_until)
    shares = [share for share in request.shares if sealed_until and share.interval.end <= sealed_until]
    shares.sort(key=lambda share: abs(share.interval.start - interval.start))
    while True:
        try:
            stretched = _stretch(interval, shares)
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
    """Raise `NotSealed` unless the live stream is through with all windows of the interval."""
    if sealed_until is None or interval.end > sealed_until:
        raise NotSealed(
            f"{interval}: windows are sealed until {sealed_until or 'no time yet'}, the live run may still write "
            f"these: restate them once a run has read an event of {interval.end + WATERMARK} or later; "
            "where no such event will come, close_idle_windows closes what is open"
        )


def _stretch(interval: Interval, shares: Iterable[Share]) -> Interval:
    intervals = [interval, *(share.interval for share in shares)]
    return Interval(min(each.start for each in intervals), max(each.end for each in intervals))


def _open_windows(
    settings: Settings, topic: Topic, sealed_until: datetime | None, now: datetime
) -> tuple[Interval, tuple[UUID, int]]:
    """Return the windows that are open and will not be closed by any event that is there."""
    checkpoint = Checkpoint(settings.checkpoint_location)
    newest = checkpoint.newest_planned()
    watermark = checkpoint.batch(newest).watermark if newest is not None else None
    if newest is None or watermark is None or sealed_until is None:
        raise NotIdle("the live run has counted no event yet: there is nothing to close")
    decision = decide(checkpoint, topic.end_offsets, lambda *_: True)
    if decision.must_run:
        raise NotIdle(f"the live run is not through ({decision.reason}): let it run once, then close what is open")
    newest_event = watermark + WATERMARK
    interval = Interval(window_start(sealed_until), window_start(newest_event) + WINDOW)
    if interval.start >= interval.end:
        raise NotIdle(f"no window is open: all up to {sealed_until} are closed")
    if interval.end + WATERMARK > now:
        raise NotIdle(f"the window of the newest event ends at {interval.end}: wait for a minute longer than that")
    return interval, (checkpoint.batch(newest).query_id, newest)


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
                f"{interval}: its windows were counted otherwise ({'; '.join(different)}); "
                "they stay as they are: only what was counted since can be restated"
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
