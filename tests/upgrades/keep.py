"""Keeps what one version of the project leaves behind, for `test_upgrades` to go on with.

Run `python -m tests.upgrades.keep tests/upgrades/kept/<version>` once for a version, in a checkout that is set up.
It uses that version's own code and services. Two runs go well. A third one is killed between its commit in PostgreSQL
and the one in the checkpoint, with windows open and an incident reported. Then more events arrive.
"""

import gzip
import json
import random
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import Producer, TopicCollection
from confluent_kafka.admin import AdminClient

from local_stack import Stack, running
from local_stack.postgres import binaries
from tests.faults.stopped import stopped_at
from tests.pipeline import Pipeline, make_pipeline
from web_traffic.alerts import Incident, report
from web_traffic.alerts.settings import AlertSettings
from web_traffic.settings import Settings

MIDNIGHT = datetime(2026, 3, 29, tzinfo=UTC)
FLAWED = (b"{", b"[]", b'{"host": "a.example"}', b'{"event_time": "2026-03-29 00:01", "host": "newer-rules.example"}')
"""Version 0.1.0 rejects all of them, later ones count the last."""
Records = list[tuple[int, int, bytes]]
"""Partition, Kafka timestamp in ms, value."""


def events(seed: int, first: int, last: int, count: int, sent: int | None = None) -> Records:
    """Make events between two minutes of the day; they are sent soon after, or else at the minute `sent`."""
    draw, records = random.Random(seed), []
    for number in range(count):
        at = MIDNIGHT + timedelta(minutes=first, seconds=number * (last - first) * 60 / count)
        referrer = draw.choice([None, "https://search.example/", "https://news.example/a"])
        event = {"event_time": at.isoformat(), "host": f"host-{draw.randrange(12)}.example", "referrer": referrer}
        arrival = MIDNIGHT + timedelta(minutes=sent) if sent is not None else at + timedelta(seconds=5)
        records.append((draw.randrange(4), int(arrival.timestamp() * 1000), json.dumps(event).encode()))
    return records


def send(settings: Settings, records: Records) -> Records:
    """Send records, each to its partition, and return them; a retry must not change their order."""
    producer = Producer({"bootstrap.servers": settings.kafka_url, "enable.idempotence": True})
    for partition, timestamp, value in records:
        producer.produce(settings.kafka_topic, value, partition=partition, timestamp=timestamp)
    assert producer.flush(30) == 0
    return records


def fill(pipeline: Pipeline, folder: Path) -> Records:
    """Run the pipeline as far as it is to be kept, and return what was sent."""
    flawed = [(0, int((MIDNIGHT + timedelta(minutes=10)).timestamp() * 1000), value) for value in FLAWED]
    sent = send(pipeline.settings, events(1, 0, 20, 800) + flawed)
    pipeline.run(RUN_NAME="scheduled__2026-03-29T00:20:00+00:00")
    sent += send(pipeline.settings, events(2, 20, 32, 500) + events(3, 0, 4, 20, sent=32))
    pipeline.run(RUN_NAME="scheduled__2026-03-29T00:35:00+00:00")
    sent += send(pipeline.settings, events(4, 32, 41, 400))
    with stopped_at(pipeline, "batch committed", RUN_NAME="scheduled__2026-03-29T00:40:00+00:00") as run:
        run.kill("group")
    incident = Incident("web_traffic/aggregate", "aggregate failed", "killed", "look at the log", failure="kept")
    report(pipeline.settings, AlertSettings.from_environment({"ALERT_FOLDER": str(folder)}), incident)
    return sent + send(pipeline.settings, events(5, 41, 47, 300))


def main(kept: Path) -> None:
    """Write the database, the checkpoint and the topic's records into a new folder."""
    kept.mkdir(parents=True)
    name = f"kept_{kept.name}"
    with TemporaryDirectory() as folder, running(Stack.create(_home(folder)), "postgres", "kafka") as stack:
        pipeline = make_pipeline(stack, name, Path(folder, "checkpoint"))
        pipeline = getattr(pipeline, "cold", pipeline)
        records = fill(pipeline, Path(folder))
        admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka_url})
        topic = admin.describe_topics(TopicCollection([name]))[name].result(30)
        kept.joinpath("topic_id").write_text(f"{topic.topic_id}\n")
        address = f"postgresql://postgres:{stack.secrets.postgres_admin}@127.0.0.1:{stack.ports.postgres}/{name}"
        dump = subprocess.run(
            [binaries() / "pg_dump", "--no-comments", address], check=True, capture_output=True, timeout=60
        )
        kept.joinpath("database.sql.gz").write_bytes(gzip.compress(dump.stdout, mtime=0))
        lines = "".join(json.dumps([partition, at, value.decode()]) + "\n" for partition, at, value in records)
        kept.joinpath("records.ndjson.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
        with tarfile.open(kept / "checkpoint.tar.gz", "w:gz") as archive:
            archive.add(pipeline.checkpoint, "checkpoint")


def _home(folder: str) -> Path:
    """Return a folder that PostgreSQL's own user may enter."""
    Path(folder).chmod(0o711)
    return Path(folder, "home")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
