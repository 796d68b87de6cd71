"""Which hours and days are complete, and which complete hours a restatement changed, since people were told last.

PostgreSQL says what is so, and whoever tells it says up to where it was told. So nothing is told twice or forgotten,
also after a failure or an outage.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import Connection
from web_traffic.window_length import EPOCH, window_start

statement = statements_beside(__name__)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT_ONCE = 500
"""Airflow's scheduler looks at so many keys at a time; what is left over is told next time."""
KEY = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class News:
    """Spans of time to tell of, and up to where all is told with them."""

    keys: tuple[str, ...]
    """The start of each span, UTC, in the form that Airflow's partition mappers read."""
    until: datetime
    """The end of the last complete span; or when the newest of the restatements ended."""


Question = Callable[[Connection, datetime | None], News | None]
"""Takes up to where was told before, None if nothing was; returns None if there is nothing to tell."""


def complete_hours(connection: Connection, told_until: datetime | None) -> News | None:
    """Return the hours whose last window was closed since; the newest one if nothing was told before."""
    return _complete(connection, told_until, HOUR)


def complete_days(connection: Connection, told_until: datetime | None) -> News | None:
    """Return the days, of UTC, whose last window was closed since; the newest one if nothing was told before."""
    return _complete(connection, told_until, DAY)


def restated_hours(connection: Connection, told_until: datetime | None) -> News | None:
    """Return the hours that restatements changed since; those of the newest restatement if nothing was told before.

    An hour that was not complete at that time is left out: it will be told of when it is.
    """
    with connection.transaction():
        rows = connection.execute(statement("restated_hours"), {"told_until": told_until}).fetchall()
    return News(tuple(_key(hour) for hour, _ in rows), max(ended for _, ended in rows)) if rows else None


def _complete(connection: Connection, told_until: datetime | None, length: timedelta) -> News | None:
    with connection.transaction():
        rows = connection.execute(statement("sealed_until")).fetchall()
    if not rows:
        return None
    [(sealed_until,)] = rows
    closed = (window_start(sealed_until) - EPOCH) // length
    told = closed - 1 if told_until is None else (told_until - EPOCH) // length
    last = min(closed, told + AT_ONCE)
    keys = tuple(_key(EPOCH + number * length) for number in range(told, last))
    return News(keys, EPOCH + last * length) if keys else None


def _key(start: datetime) -> str:
    return start.astimezone(UTC).strftime(KEY)
