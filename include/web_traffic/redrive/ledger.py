"""The ledger of redrives: rejected events that go back to the topic, in `etl.redrive` and `etl.rejected_event`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from web_traffic.kafka import Offsets
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import Connection
from web_traffic.warehouse.locks import Lock, take_turn

statement = statements_beside(__name__)
REDRIVE_WAIT = timedelta(seconds=1)
PAGE_EVENTS = 10_000
PAGE_BYTES = 32 * 1024 * 1024


class Place(NamedTuple):
    """Where a record was when it was rejected; the key of `etl.rejected_event`."""

    topic_id: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic_id}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the place of a text that `str` wrote; raises `ValueError`."""
        topic_id, partition, offset = text.rsplit("/", 2)
        place = cls(topic_id, int(partition), int(offset))
        if "\0" in topic_id or not (0 <= place.partition < 2**31 and 0 <= place.offset < 2**63):
            raise ValueError(f"{text!r} is no place of a record")
        return place


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """A record that was not counted, and why."""

    topic_id: str
    partition: int
    record_offset: int
    reason: str
    kafka_timestamp: datetime
    value: bytes | None
    rejected_at: datetime
    is_taken: bool
    """Whether a redrive has taken it already."""

    @property
    def place(self) -> Place:
        """Its key."""
        return Place(self.topic_id, self.partition, self.record_offset)


@dataclass(frozen=True, slots=True)
class Selection:
    """Selects rejected events that no redrive has taken, oldest first."""

    reasons: tuple[str, ...] = ()
    """Any of these; all if empty."""
    since: datetime | None = None
    """Rejected at this time or later."""
    until: datetime | None = None
    """Rejected before this time."""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Redrive:
    """A redrive that is not settled yet: its records may or may not be in the topic."""

    redrive_id: UUID
    topic_id: str
    topic: str
    end_offsets: Offsets
    """Its records lie behind these."""
    events: int
    requested_at: datetime

    def __str__(self) -> str:
        return f"redrive {self.redrive_id} of {self.requested_at:%Y-%m-%d %H:%M:%S} UTC"


class Record(NamedTuple):
    """The record that is sent for a rejected event."""

    place: Place
    value: bytes


class Redriven(NamedTuple):
    """A record of the topic that was sent for a rejected event."""

    place: Place
    redrive_id: UUID


class RedriveLedger:
    """The state of redrives. Each change is one transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    @classmethod
    def alone(cls, connection: Connection) -> Self:
        """Return the ledger for this process alone, as long as the connection lasts; raises `InProgress`."""
        connection.hold(take_turn(connection, Lock.REDRIVE, REDRIVE_WAIT))
        return cls(connection)

    def pages(self, selection: Selection) -> Iterator[list[RejectedEvent]]:
        """Return the selected events as of now, in pages that fit into one redrive."""
        left = selection.limit
        last: tuple[datetime | str, Place] = ("-infinity", Place("", -1, -1))
        until = selection.until or datetime.max.replace(tzinfo=UTC)
        with self._connection.transaction():
            [(now,)] = self._connection.execute("SELECT now()").fetchall()
        chosen = {
            "reasons": list(selection.reasons),
            "since": selection.since or "-infinity",
            "until": min(until, now),  # an event that is rejected after now may be one that was just sent
            "bytes": PAGE_BYTES,
        }
        while left is None or left > 0:
            after_time, (after_topic, after_partition, after_offset) = last
            after = {
                "after_time": after_time,
                "after_topic": after_topic,
                "after_partition": after_partition,
                "after_offset": after_offset,
            }
            page = self._read("rejected_page", chosen | after | {"events": min(PAGE_EVENTS, left or PAGE_EVENTS)})
            if not page:
                return
            yield page
            last = page[-1].rejected_at, page[-1].place
            left = None if left is None else left - len(page)

    def find(self, places: Sequence[Place]) -> dict[Place, RejectedEvent]:
        """Return the rejected events at these places."""
        return {event.place: event for event in self._read("rejected_by_place", _columns(places))}

    def open(self, redrive: Redrive, selector: str, repaired: Mapping[Place, bytes | None]) -> None:
        """Begin a redrive, and let it take the events at these places; None keeps the event's own value."""
        columns = _columns(list(repaired)) | {"repaired_values": list(repaired.values())}
        with self._connection.transaction():
            self._connection.execute(
                statement("open_redrive"),
                {
                    "redrive_id": redrive.redrive_id,
                    "topic_id": redrive.topic_id,
                    "topic": redrive.topic,
                    "end_offsets": Jsonb(redrive.end_offsets),
                    "selector": selector,
                    "events": redrive.events,
                },
            )
            self._connection.execute(statement("mark_rejected_events"), columns | {"redrive_id": redrive.redrive_id})

    def unsettled(self) -> Redrive | None:
        """Return the redrive that was interrupted, if one was."""
        with self._connection.transaction(), self._connection.cursor(row_factory=class_row(Redrive)) as cursor:
            return cursor.execute(statement("unsettled_redrive")).fetchone()

    def records(self, redrive: Redrive) -> list[Record]:
        """Return the records that the redrive has to send."""
        with self._connection.transaction():
            rows = self._connection.execute(statement("redrive_records"), {"redrive_id": redrive.redrive_id})
            return [Record(Place(*place), value) for *place, value in rows]

    def finish(self, redrive: Redrive) -> None:
        """Note that its records are in the topic."""
        self._change("finish_redrive", redrive)

    def search_from(self, topic_id: str, partitions: Sequence[str]) -> Offsets:
        """Return the offsets from which the topic may hold redriven records that are not in the ledger.

        A partition that can't hold any is left out.
        """
        figures = {"topic_id": topic_id, "partitions": [int(partition) for partition in partitions]}
        with self._connection.transaction():
            return dict(self._connection.execute(statement("redrive_search"), figures).fetchall())

    def enter_found(self, topic_id: str, topic: str, end_offsets: Offsets, found: Sequence[Redriven]) -> int:
        """Enter redrives that were found in the topic before `end_offsets`, and return how many events they take."""
        about = {"topic_id": topic_id, "topic": topic, "end_offsets": Jsonb(end_offsets)}
        columns = _columns([record.place for record in found]) | {
            "redrive_ids": [record.redrive_id for record in found]
        }
        with self._connection.transaction():
            return self._connection.execute(statement("enter_found_redrives"), about | columns).rowcount

    def withdraw(self, redrive: Redrive) -> None:
        """Note that none of its records is in the topic, and release its events."""
        self._change("withdraw_redrive", redrive)

    def _change(self, name: str, redrive: Redrive) -> None:
        with self._connection.transaction():
            self._connection.execute(statement(name), {"redrive_id": redrive.redrive_id})

    def _read(self, name: str, parameters: Mapping[str, Any]) -> list[RejectedEvent]:
        with self._connection.transaction(), self._connection.cursor(row_factory=class_row(RejectedEvent)) as cursor:
            return cursor.execute(statement(name), parameters).fetchall()


def _columns(places: Sequence[Place]) -> dict[str, Any]:
    return {
        "topic_ids": [place.topic_id for place in places],
        "partitions": [place.partition for place in places],
        "offsets": [place.offset for place in places],
    }
