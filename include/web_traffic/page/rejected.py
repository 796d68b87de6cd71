"""The view Rejected events: counts by reason, and the records newest first, as they came."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
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


def rejected(
    connection: Connection,
    within: Range,
    reason: str = "",
    before: Cursor | None = None,
    *,
    with_values: bool = True,
) -> dict[str, Any]:
    """Return the data of Rejected events; `before` is the last event of the page before.

    Without values an event has its place, its reason and its length only.
    """
    events = ask(connection, "rejected_events", **_selection(within, reason, before))
    counts = ask(connection, "rejected_by_reason", **within.parameters())
    return {
        "start": within.start,
        "end": within.end,
        "bucket_seconds": within.bucket / timedelta(seconds=1),
        "buckets": within.buckets(),
        "reasons": list(_reasons(counts, within)),
        "with_values": with_values,
        "events": [_shown(event, with_values=with_values) for event in events[:LISTED]],
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


def _reasons(counts: list[Row], within: Range) -> Iterator[Row]:
    """Return the sums of each reason, with its events in each bucket; the most frequent reason first."""
    place = {at: number for number, at in enumerate(within.buckets())}
    reasons: dict[str, Row] = {}
    for row in counts:
        first = {"reason": row["reason"], "events": 0, "redriven": 0, "per_bucket": [0] * len(place)}
        one = reasons.setdefault(row["reason"], first)
        one["events"] += row["events"]
        one["redriven"] += row["redriven"]
        one["per_bucket"][place[row["at"]]] = row["events"]
    yield from sorted(reasons.values(), key=lambda one: (-one["events"], one["reason"]))


def _selection(within: Range, reason: str, before: Cursor | None) -> dict[str, object]:
    time, topic_id, partition, offset = before or (within.end, "", 0, 0)
    place = {"before_time": time, "before_topic": topic_id, "before_partition": partition, "before_offset": offset}
    return within.parameters() | place | {"reason": reason, "listed": LISTED + 1, "shown_bytes": SHOWN_BYTES}


def _shown(event: Row, *, with_values: bool) -> Row:
    """Return the event with its bytes in base64, because they may be anything; or without them."""
    is_shown = with_values and event["value"] is not None
    return event | {"value": b64encode(event["value"]).decode() if is_shown else None}
