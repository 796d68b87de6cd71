"""The second contender: the tight script that a good engineer would write in the place of Spark.

One process: confluent-kafka in large fetches, msgspec for the three fields that count, a dict for the open windows,
COPY for the closed ones. Offsets and open windows are kept in the database and change in the transaction that writes
the closed windows, so a killed run leaves nothing half done. Memory grows with the open windows; it has one core.
"""

import os
from collections import Counter
from datetime import UTC, datetime

import msgspec
import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

WINDOW, WATERMARK = 300, 60
TABLES = """
CREATE TABLE IF NOT EXISTS script_offset (partition integer PRIMARY KEY, next_offset bigint);
CREATE TABLE IF NOT EXISTS script_watermark (seconds double precision);
CREATE TABLE IF NOT EXISTS script_open (window_start bigint, host text, referrer text, num_hits bigint);
"""
FETCH = {
    "fetch.message.max.bytes": 16 * 1024 * 1024,
    "fetch.max.bytes": 100 * 1024 * 1024,
    "queued.min.messages": 500_000,
    "queued.max.messages.kbytes": 512 * 1024,
    "check.crcs": False,
}
Key = tuple[int, str, str | None]


class Event(msgspec.Struct, gc=False):
    """What counts of an event."""

    event_time: datetime
    host: str
    referrer: str | None = None


def main() -> None:
    """Process what is there, and end."""
    topic = os.environ["KAFKA_TOPIC"]
    consumer = Consumer(FETCH | {"bootstrap.servers": os.environ["KAFKA_URL"], "group.id": "script"})
    login = {"user": os.environ["POSTGRES_USER"], "password": os.environ["POSTGRES_PASSWORD"]}
    with psycopg.connect(os.environ["POSTGRES_URL"], **login) as connection:
        connection.execute(TABLES)
        known = dict(connection.execute("SELECT * FROM script_offset").fetchall())
        [(watermark,)] = connection.execute("SELECT coalesce(max(seconds), 0) FROM script_watermark").fetchall()
        hits: Counter[Key] = Counter(
            {
                (start, host, referrer): number
                for start, host, referrer, number in connection.execute("TABLE script_open")
            }
        )
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), 10)[1]
            for number in consumer.list_topics(topic, 10).topics[topic].partitions
        }
        newest = count(consumer, topic, known, ends, watermark, hits)
        save(connection, hits, ends, max(watermark, newest - WATERMARK))
    consumer.close()


def count(
    consumer: Consumer, topic: str, known: dict[int, int], ends: dict[int, int], watermark: float, hits: Counter[Key]
) -> float:
    """Count what is between the known offsets and the ends; returns the newest event time."""
    places = {number: known.get(number, 0) for number in ends}
    left = {number for number, place in places.items() if place < ends[number]}
    consumer.assign([TopicPartition(topic, number, places[number] or OFFSET_BEGINNING) for number in left])
    decode, utc, newest = msgspec.json.Decoder(Event).decode, UTC, 0.0
    while left:
        for message in consumer.consume(50_000, 1):
            partition, offset = message.partition(), message.offset()
            if offset >= ends[partition] - 1:
                left.discard(partition)
                if offset >= ends[partition]:
                    continue
            try:
                event = decode(message.value())
            except (msgspec.DecodeError, TypeError):
                continue
            at = event.event_time
            seconds = (at if at.tzinfo else at.replace(tzinfo=utc)).timestamp()
            if seconds > newest:
                newest = seconds
            start = int(seconds // WINDOW) * WINDOW
            if start + WINDOW > watermark:
                hits[start, event.host, event.referrer] += 1
    return newest


def save(connection: psycopg.Connection, hits: Counter[Key], ends: dict[int, int], watermark: float) -> None:
    """Write the closed windows, and what the next run starts from; the caller's transaction."""
    connection.execute("TRUNCATE script_offset, script_watermark, script_open")
    connection.execute("INSERT INTO script_watermark VALUES (%s)", [watermark])
    connection.cursor().executemany("INSERT INTO script_offset VALUES (%s, %s)", ends.items())
    closed = [key for key in hits if key[0] + WINDOW <= watermark]
    with connection.cursor().copy("COPY aggregated_web_traffic FROM STDIN BINARY") as copy:
        copy.set_types(("timestamptz", "timestamptz", "text", "text", "int8"))
        for start, host, referrer in closed:
            begin, end = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(start + WINDOW, UTC)
            copy.write_row((begin, end, host, referrer, hits.pop((start, host, referrer))))
    with connection.cursor().copy("COPY script_open FROM STDIN BINARY") as copy:
        copy.set_types(("int8", "text", "text", "int8"))
        for (start, host, referrer), number in hits.items():
            copy.write_row((start, host, referrer, number))


if __name__ == "__main__":
    main()
