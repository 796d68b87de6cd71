"""The contender Bytewax: two processes of one worker, with fold_window on an event-time clock.

The clock keeps a watermark per key, here (host, referrer), so the speed at which partitions are read drops nothing
(https://docs.bytewax.io/stable/guide/concepts/windowing.html). The source stops at the end of each partition
(`tail=False`); Bytewax then closes the open windows: they are written too, each with all its hits so far.

What makes it fast, from https://docs.bytewax.io/stable/guide/advanced-concepts/performance.html:

- A process a core instead of workers in one process, which would share Python's lock.
- Larger batches from the source (`batch_size`), and `flat_map_batch`: it decodes only the needed fields, and counts
  by window, host and referrer within the batch, so the windows see, and the processes exchange, few items.
- The fold does not sort (`ordered=False`: "performance and latency penalty"); the sink copies.

Environment: KAFKA_URL, KAFKA_TOPIC, POSTGRES_URL, POSTGRES_USER and POSTGRES_PASSWORD.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import bytewax.operators as op
import bytewax.operators.windowing as win
import msgspec
import psycopg
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

PROCESSES = 2
WINDOW = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COPY = "COPY aggregated_web_traffic (window_start, window_end, host, referrer, num_hits) FROM STDIN BINARY"
CONSUMER = {
    "queued.min.messages": "100000",
    "queued.max.messages.kbytes": "131072",
    "max.partition.fetch.bytes": "16777216",
}


class Event(msgspec.Struct, gc=False):
    """The needed fields of an event."""

    host: str
    event_time: datetime
    referrer: str | None = None


class Hits(NamedTuple):
    """Hits of one window, host and referrer within a batch, at the time of the newest of them."""

    newest: datetime
    hits: int


Key = tuple[int, str, str | None]
decode = msgspec.json.Decoder(Event).decode


def count(batch: list[KafkaSourceMessage]) -> Iterator[tuple[str, Hits]]:
    """Count the hits within a batch, oldest window first."""
    counted: dict[Key, list[Any]] = {}
    for message in batch:
        event = decode(message.value)
        key = int(event.event_time.timestamp()) // 300, event.host, event.referrer
        known = counted.get(key)
        if known is None:
            counted[key] = [event.event_time, 1]
        else:
            known[1] += 1
            if event.event_time > known[0]:
                known[0] = event.event_time
    for (_, host, referrer), (newest, hits) in sorted(counted.items(), key=lambda item: item[0][0]):
        yield msgspec.json.encode((host, referrer)).decode(), Hits(newest, hits)


class CopyPartition(StatelessSinkPartition[tuple[str, tuple[int, int]]]):
    """Appends what a worker has counted; each batch is a COPY in a transaction."""

    def __init__(self) -> None:
        self._connection = psycopg.connect(
            os.environ["POSTGRES_URL"], user=os.environ["POSTGRES_USER"], password=os.environ["POSTGRES_PASSWORD"]
        )

    def write_batch(self, items: list[tuple[str, tuple[int, int]]]) -> None:
        """Copy windows: key, number of the window since the epoch, hits."""
        with self._connection.transaction(), self._connection.cursor().copy(COPY) as copy:
            copy.set_types(("timestamptz", "timestamptz", "text", "text", "int8"))
            for key, (number, hits) in items:
                start = EPOCH + number * WINDOW
                copy.write_row((start, start + WINDOW, *msgspec.json.decode(key), hits))

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


class CopySink(DynamicSink[tuple[str, tuple[int, int]]]):
    """A connection a worker."""

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> CopyPartition:
        """Connect."""
        return CopyPartition()


def dataflow() -> Dataflow:
    """Return the dataflow from the topic to the table."""
    flow = Dataflow("web_traffic")
    source = KafkaSource(
        [os.environ["KAFKA_URL"]], [os.environ["KAFKA_TOPIC"]], tail=False, add_config=CONSUMER, batch_size=10_000
    )
    hits = op.flat_map_batch("count", op.input("read", flow, source), count)
    clock = win.EventClock(
        ts_getter=lambda hits: hits.newest,
        wait_for_system_duration=timedelta(minutes=1),
        to_system_utc=lambda _: None,  # events of the past: no timer is of use
    )
    windows = win.fold_window(
        "window",
        hits,
        clock,
        win.TumblingWindower(length=WINDOW, align_to=EPOCH),
        builder=int,
        folder=lambda total, hits: total + hits.hits,
        merger=lambda one, other: one + other,
        ordered=False,
    )
    op.output("write", windows.down, CopySink())
    return flow


def main() -> None:
    """Start the processes and wait for them; raises if one of them fails."""
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(PROCESSES))
    command = [sys.executable, "-m", "bytewax.run", f"{__file__}:dataflow()", "-a", addresses]
    processes = [subprocess.Popen([*command, "-i", str(number)]) for number in range(PROCESSES)]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError(f"the processes ended with {codes}")


def free_ports(number: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    main()
