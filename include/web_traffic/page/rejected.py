"""The view Rejected events: counts by reason, and the records newest first, as they came."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from web_traffic.page.asking import Connection, Row, ask, reading
from web_traffic.page.ranges import Range
from web_traffic.redrive.files import line
from web_traffic.redrive.ledger import RejectedEvent
from web_traffic.settings import Settings
from web_traffic.statements import statements_beside

statement = statements_beside(__name__)
LISTED = 50
SHOWN_BYTES = 4096
"""How much of a value is shown; the download has all of it."""
FETCHED = 200

Cursor = tuple[datetime, str, int, int]
"""When an event was rejected, topic id, partition and offset: the order of the list."""


def rejected(connection: Connection, within: Range, reason: str = "", before: Cursor | None = None) -> dict[str, Any]:
    """Return the data of Rejected events; `before` is the last event of the page before."""
    events = ask(connection, "rejected_events", **_selection(within, reason, before))
    return {
        "start": within.start,
        "end": within.end,
        "reasons": ask(connection, "rejected_by_reason", **within.parameters()),
        "events": [_shown(event) for event in events[:LISTED]],
        "has_more": len(events) > LISTED,
    }


def download(settings: Settings, within: Range, reason: str = "") -> Iterator[str]:
    """Return the events as NDJSON, oldest first, in the form that `web-traffic redrive --values` takes.

    They are fetched as they are read, so that memory does not grow with their number.
    """
    parameters = within.parameters() | {"reason": reason}
    with reading(settings) as connection, connection.cursor(name="rejected_events") as cursor:
        cursor.itersize = FETCHED
        for row in cursor.execute(statement("rejected_download"), parameters):
            yield line(RejectedEvent(*row))


def _selection(within: Range, reason: str, before: Cursor | None) -> dict[str, object]:
    time, topic_id, partition, offset = before or (within.end, "", 0, 0)
    place = {"before_time": time, "before_topic": topic_id, "before_partition": partition, "before_offset": offset}
    return within.parameters() | place | {"reason": reason, "listed": LISTED + 1, "shown_bytes": SHOWN_BYTES}


def _shown(event: Row) -> Row:
    """Return the event with its bytes in base64: they may be anything."""
    return event | {"value": None if event["value"] is None else b64encode(event["value"]).decode()}
