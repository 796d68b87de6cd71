"""Incidents in `etl.alert`, and the delivery of their messages."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from web_traffic.alerts.channels import Channel
from web_traffic.alerts.incident import Incident
from web_traffic.alerts.message import KINDS, Kind, Story, write
from web_traffic.errors import ChannelDown
from web_traffic.statements import statements_beside

statement = statements_beside(__name__)
log = logging.getLogger(__name__)
LONGEST_HOURS = 366 * 24
"""How long an incident may be silenced."""
Connection = psycopg.Connection[Any]


def open_incident(
    connection: Connection,
    incident: Incident,
    channels: Sequence[str],
    *,
    unsent: Sequence[str] | None = None,
    failures: int = 1,
    last_at: datetime | None = None,
) -> None:
    """Open an incident for these channels, or count one more failure of the one that is open.

    A failure that is known already changes nothing. `unsent`, `failures` and `last_at` are for an incident that began
    while PostgreSQL was down.
    """
    row = asdict(incident) | {
        "links": Jsonb(incident.links),
        "books": Jsonb(incident.books) if incident.books else None,
        "channels": list(channels),
        "unsent": [entry("opened", name) for name in channels] if unsent is None else list(unsent),
        "failures": failures,
        "last_at": last_at or incident.at,
    }
    with connection.transaction():
        connection.execute(statement("open_incident"), row)


def close_incidents(
    connection: Connection, keys: Sequence[str], at: datetime, windows: str | None = None
) -> list[str]:
    """Close the open incidents with these keys, and return the keys of those that are over.

    An incident about windows stays open until all of them have succeeded; `windows` are those that did now.
    """
    with connection.transaction():
        closed = connection.execute(
            statement("close_incidents"), {"keys": list(keys), "at": at, "windows": windows}
        ).fetchall()
        return [key for (key,) in closed]


def deliver(connection: Connection, channels: Sequence[Channel]) -> list[ChannelDown]:
    """Send all unsent messages, the oldest first, and return the errors of channels.

    A channel that is down is not tried again. Its messages keep their order: a recovery never precedes its incident.
    """
    up = {channel.name: channel for channel in channels}
    failures: list[ChannelDown] = []
    while up:
        try:
            if not _deliver_one(connection, up):
                break
        except _Down as down:
            del up[down.channel.name]
            log.warning("%s", down.reason)
            failures.append(down.reason)
    return failures


def open_incidents(connection: Connection) -> list[dict[str, Any]]:
    """Return the open incidents, the newest first; `is_known` tells which of them are silenced."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("open_incidents")).fetchall()


def is_error_open(connection: Connection) -> bool:
    """Whether an incident is open that is an error, and is not silenced."""
    return any(one["severity"] == "error" and not one["is_known"] for one in open_incidents(connection))


def silence(connection: Connection, alert_id: int, until: datetime, by: str, reason: str) -> str | None:
    """Silence an open incident, and return its title; None if no such incident is open.

    It then counts as known. If it is still open at that time, people get another message.
    """
    row = {"alert_id": alert_id, "until": until, "by": by, "reason": reason}
    with connection.transaction():
        found = connection.execute(statement("silence"), row).fetchone()
    return found[0] if found else None


def end_silences(connection: Connection) -> None:
    """Enter a message for each open incident whose silence is over."""
    with connection.transaction():
        connection.execute(statement("end_silences"))


def overdue_since(connection: Connection, deadline: timedelta) -> datetime | None:
    """Return when a live run was checked last, if that is longer ago than the deadline and no failure explains it."""
    with connection.transaction():
        row = connection.execute(statement("overdue"), {"deadline": deadline}).fetchone()
    return row[0] if row else None


def entry(kind: Kind, channel: str) -> str:
    """The entry of a message in `unsent`."""
    return f"{kind} {channel}"


class _Down(Exception):
    def __init__(self, channel: Channel, reason: ChannelDown) -> None:
        self.channel = channel
        self.reason = reason


def _deliver_one(connection: Connection, channels: dict[str, Channel]) -> bool:
    """Send one message in a transaction of its own; False when there is none."""
    wanted = [entry(kind, name) for kind in KINDS for name in channels]
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement("claim_incident"), {"wanted": wanted}).fetchone()
        if row is None:
            return False
        next_one = next(one for one in wanted if one in row["unsent"])
        channel = channels[next_one.partition(" ")[2]]
        kind = next(kind for kind in KINDS if entry(kind, channel.name) == next_one)
        try:
            channel.send(write(kind, _story(row)))
        except ChannelDown as error:
            raise _Down(channel, error) from error
        cursor.execute(statement("mark_sent"), {"alert_id": row["alert_id"], "entry": next_one})
    return True


def _story(row: dict[str, Any]) -> Story:
    names = ("key", "title", "error", "next_step", "severity", "run_name", "links", "books")
    incident = Incident(**{name: row[name] for name in names}, failure="", at=row["first_at"])
    silence = f"{row['silenced_by']}: {row['silence_reason']}" if row["silences"] else None
    times = (row["first_at"], row["last_at"], row["resolved_at"])
    return Story(incident, row["failures"], *times, row["silences"], silence)
