"""The contender Pathway: its engine on two threads, with the topic read in static mode.

https://pathway.com/developers/api-docs/pathway-io/kafka (mode "static" reads what the topic holds and ends; two
readers) and https://pathway.com/developers/user-guide/advanced/worker-architecture (PATHWAY_THREADS).

The whole topic is one bounded input, so there is no watermark that could drop an event, and open windows are written
too. Pathway's PostgreSQL connector wants columns of its own (time, diff) or a primary key without nulls, neither of
which the result table has: a subscriber takes the counts and copies them at the end.

What makes it fast: no Python code a row ahead of the counts (engine expressions only), a schema of the needed fields,
one commit (`autocommit_duration_ms=None`) instead of counts that change with each one, and no monitoring.

Environment: KAFKA_URL, KAFKA_TOPIC, POSTGRES_URL, POSTGRES_USER and POSTGRES_PASSWORD.
"""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

os.environ |= {"PATHWAY_THREADS": "2"}  # read at import

import pathway as pw
import psycopg

WINDOW = timedelta(minutes=5)
COPY = "COPY aggregated_web_traffic (window_start, window_end, host, referrer, num_hits) FROM STDIN BINARY"
CONSUMER = {"auto.offset.reset": "earliest", "queued.min.messages": "100000", "max.partition.fetch.bytes": "16777216"}


class Event(pw.Schema):
    """The needed fields of an event."""

    host: str
    event_time: str
    referrer: str | None = pw.column_definition(default_value=None)


def main() -> None:
    """Count the hits and write them; raises what Pathway or PostgreSQL raise."""
    consumer = {"bootstrap.servers": os.environ["KAFKA_URL"], "group.id": f"pathway-{uuid4()}"} | CONSUMER
    events = pw.io.kafka.read(
        consumer, os.environ["KAFKA_TOPIC"], schema=Event, format="json", mode="static", autocommit_duration_ms=None
    )
    second = events.event_time.str.slice(0, len("2026-03-28T23:00:01")).dt.strptime("%Y-%m-%dT%H:%M:%S")
    windowed = events.select(events.host, events.referrer, window_start=second.dt.floor(WINDOW))
    hits = windowed.groupby(windowed.window_start, windowed.host, windowed.referrer).reduce(
        windowed.window_start, windowed.host, windowed.referrer, num_hits=pw.reducers.count()
    )
    counted: Counter[tuple[datetime, str, str | None]] = Counter()

    def note(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:  # noqa: ARG001  Pathway names them
        start = row["window_start"].to_pydatetime().replace(tzinfo=UTC)
        counted[start, row["host"], row["referrer"]] += row["num_hits"] if is_addition else -row["num_hits"]

    pw.io.subscribe(hits, on_change=note)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    write(counted)


def write(counted: Counter[tuple[datetime, str, str | None]]) -> None:
    """Copy the windows to the result table in one transaction."""
    with (
        psycopg.connect(
            os.environ["POSTGRES_URL"], user=os.environ["POSTGRES_USER"], password=os.environ["POSTGRES_PASSWORD"]
        ) as connection,
        connection.cursor().copy(COPY) as copy,
    ):
        copy.set_types(("timestamptz", "timestamptz", "text", "text", "int8"))
        for (start, host, referrer), hits in counted.items():
            copy.write_row((start, start + WINDOW, host, referrer, hits))


if __name__ == "__main__":
    main()
