"""The contender Quix Streams: two applications of one consumer group, one a core.

Windows close with the time of their partition (closing strategy "partition", which needs no further event of the same
key; https://quix.io/docs/quix-streams/windowing.html). Those that are still open are not written. So the comparison
needs the newest event of each partition to be past the last closed window's end and grace.

What makes it fast, pages below https://quix.io/docs/quix-streams/:

- Each partition has a store of its own, "which enables parallel processing" (advanced/stateful-processing.html).
- The key becomes (host, referrer) in place. `group_by` would do so through a topic of its own, which all events would
  pass once more; it is not needed, since a host's events are all in one partition already.
- A deserializer of its own decodes only the needed fields (advanced/serialization.html).
- No changelog topics (`use_changelog_topics=False`, advanced/stateful-processing.html): the state stays in the folder,
  as with Spark and Flink here. Both applications share it, so a partition that moves when the second one joins finds
  its state: it is committed before it is given away (advanced/checkpointing.html).
- "Longer commit intervals" (advanced/checkpointing.html): one each half minute, and one when all is read.
- A sink of its own that copies (connectors/sinks/custom-sinks.html): the library's sends 100 rows an insert.

Environment: KAFKA_URL, KAFKA_TOPIC, POSTGRES_URL, POSTGRES_USER, POSTGRES_PASSWORD and CONTENDER_FOLDER.
"""

import multiprocessing
import os
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
from confluent_kafka import Consumer, TopicPartition
from quixstreams import Application
from quixstreams.models import Deserializer
from quixstreams.sinks import BatchingSink, SinkBatch
from quixstreams.state.rocksdb import RocksDBOptions

STATE = Path(os.environ["CONTENDER_FOLDER"]) / "state"
PROCESSES = 2
COPY = "COPY aggregated_web_traffic (window_start, window_end, host, referrer, num_hits) FROM STDIN BINARY"
CONSUMER = {
    "fetch.min.bytes": 100_000,
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 131_072,
    "max.partition.fetch.bytes": 16_777_216,
}


class Event(msgspec.Struct, gc=False):
    """The needed fields of an event."""

    host: str
    event_time: datetime
    referrer: str | None = None


class EventDeserializer(Deserializer):
    """Decodes the needed fields and skips the others."""

    def __init__(self) -> None:
        super().__init__()
        self._decode = msgspec.json.Decoder(Event).decode

    def __call__(self, value: bytes, ctx: Any) -> Event:  # noqa: ARG002
        """Decode one event; raises `msgspec.DecodeError` if it breaks the contract."""
        return self._decode(value)


class CopySink(BatchingSink):
    """Appends windows to the result table; each batch is a COPY in a transaction."""

    def setup(self) -> None:
        """Connect."""
        self._connection = psycopg.connect(
            os.environ["POSTGRES_URL"], user=os.environ["POSTGRES_USER"], password=os.environ["POSTGRES_PASSWORD"]
        )

    def write(self, batch: SinkBatch) -> None:
        """Copy the windows of one partition."""
        with self._connection.transaction(), self._connection.cursor().copy(COPY) as copy:
            copy.set_types(("timestamptz", "timestamptz", "text", "text", "int8"))
            for item in batch:
                start, end = (datetime.fromtimestamp(item.value[name] / 1000, UTC) for name in ("start", "end"))
                host, referrer = msgspec.json.decode(item.key)
                copy.write_row((start, end, host, referrer, item.value["value"]))


def main() -> None:
    """Start the applications, and stop them once they have read all; raises if one of them fails."""
    ends = {partition: end for partition, end in end_offsets().items() if end}
    context = multiprocessing.get_context("spawn")
    group = f"quix-{uuid4()}"  # a new one reads from the start
    (STATE / group).mkdir(parents=True)  # two applications that make it at once trip over one another
    pipes, applications = [], []
    for _ in range(PROCESSES):
        ours, theirs = context.Pipe(duplex=False)
        applications.append(context.Process(target=run, args=(group, ends, theirs), daemon=True))
        applications[-1].start()
        theirs.close()
        pipes.append(ours)
    unread = set(ends)
    while unread:
        for pipe in wait(pipes):
            try:
                unread.discard(pipe.recv())  # type: ignore[union-attr]
            except EOFError:
                raise RuntimeError("an application has ended before all was read") from None
    for application in applications:
        application.terminate()  # SIGTERM: it commits a last checkpoint
        application.join()
        if application.exitcode:
            raise RuntimeError(f"an application ended with {application.exitcode}")


def end_offsets() -> dict[int, int]:
    """Return the offset after the last event of each partition, 0 if it holds none."""
    topic = os.environ["KAFKA_TOPIC"]
    consumer = Consumer({"bootstrap.servers": os.environ["KAFKA_URL"], "group.id": "ends"})
    try:
        offsets = {}
        for partition in consumer.list_topics(topic, timeout=30).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=30)
            offsets[partition] = high if high > low else 0
        return offsets
    finally:
        consumer.close()


def run(group: str, ends: dict[int, int], pipe: Connection) -> None:
    """Run one application until SIGTERM; tells through the pipe each partition that it has read to the end."""

    def note(_topic: str, partition: int, offset: int) -> None:
        if offset + 1 == ends.get(partition):
            pipe.send(partition)

    application = Application(
        broker_address=os.environ["KAFKA_URL"],
        consumer_group=group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        use_changelog_topics=False,
        state_dir=STATE,
        rocksdb_options=RocksDBOptions(open_max_retries=60, open_retry_backoff=0.5),
        commit_interval=30,
        consumer_extra_config=CONSUMER,
        broker_availability_timeout=0,
        on_message_processed=note,
        loglevel="WARNING",
    )
    topic = application.topic(
        os.environ["KAFKA_TOPIC"], value_deserializer=EventDeserializer(), timestamp_extractor=event_time
    )
    events = application.dataframe(topic)
    events = events.__dataframe_clone__(stream=events.stream.add_transform(keyed))  # as `group_by` on one partition
    windows = events.tumbling_window(timedelta(minutes=5), grace_ms=timedelta(minutes=1)).count().final("partition")
    windows.sink(CopySink())
    application.run()


def event_time(event: Event, _headers: Any, _timestamp: float, _type: Any) -> int:
    """Return the event time in milliseconds since the epoch."""
    return int(event.event_time.timestamp() * 1000)


def keyed(event: Event, _key: Any, timestamp: int, headers: Any) -> tuple[Event, bytes, int, Any]:
    """Return the event with host and referrer as its key."""
    return event, msgspec.json.encode((event.host, event.referrer)), timestamp, headers


if __name__ == "__main__":
    main()
