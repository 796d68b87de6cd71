"""Databases and checkpoints of earlier versions go on under today's code, to the row.

`keep.py` made each of them: two good runs, a third one killed in mid commit, windows open, events rejected,
events late, an open incident, and events that no run has read.
"""

import gzip
import json
import subprocess
import tarfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local_stack import Stack
from local_stack.environment import LOOPBACK
from local_stack.postgres import binaries, make_warehouse
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline, Windows, make_topic, own_environment
from tests.restating import restate
from tests.upgrades.keep import FLAWED, Records, send
from web_traffic.alerts import recover
from web_traffic.alerts.settings import AlertSettings
from web_traffic.kafka import describe_topic
from web_traffic.settings import Settings
from web_traffic.warehouse.migrate import migrate

KEPT = sorted(path for path in Path(__file__).with_name("kept").iterdir())
WINDOW_MINUTES = 5
REJECTED = {"0.1.0": FLAWED, "0.2.0.dev1": FLAWED[:3]}


def records_of(kept: Path) -> Records:
    """Return what the topic held: partition, Kafka timestamp in ms, value."""
    lines = gzip.decompress(kept.joinpath("records.ndjson.gz").read_bytes()).splitlines()
    return [(partition, at, value.encode()) for partition, at, value in map(json.loads, lines)]


def counted(kept: Path, until: datetime) -> Windows:
    """Count the hits of windows that end by a time, without the code under test."""
    hits: Counter[tuple[datetime, str, str | None]] = Counter()
    for _, _, value in records_of(kept):
        if value in REJECTED[kept.name]:
            continue
        found = json.loads(value)
        at = datetime.fromisoformat(found["event_time"]).replace(tzinfo=UTC)
        start = at - timedelta(minutes=at.minute % WINDOW_MINUTES, seconds=at.second, microseconds=at.microsecond)
        if start + timedelta(minutes=WINDOW_MINUTES) <= until:
            hits[start, found["host"], found.get("referrer")] += 1
    return dict(hits)


@pytest.fixture(params=KEPT, ids=lambda kept: kept.name)
def kept(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def restored(stack: Stack, kept: Path, tmp_path: Path) -> Pipeline:
    """Put the records into a topic, and database and checkpoint where the pipeline looks for them."""
    name = f"kept_{kept.name}"
    environment = own_environment(stack, name, tmp_path / "checkpoint")
    settings = Settings.from_environment(environment)
    make_topic(settings)
    send(settings, records_of(kept))
    make_warehouse(stack, name)
    dump = gzip.decompress(kept.joinpath("database.sql.gz").read_bytes()).decode()
    dump = dump.replace(kept.joinpath("topic_id").read_text().strip(), describe_topic(settings).id)
    address = f"postgresql://postgres:{stack.secrets.postgres_admin}@{LOOPBACK}:{stack.ports.postgres}/{name}"
    psql = [str(binaries() / "psql"), "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", address]
    subprocess.run(psql, input=dump, text=True, check=True, capture_output=True, timeout=60)
    with tarfile.open(kept / "checkpoint.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return Pipeline(environment, stack.secrets.postgres_owner)


def test_what_an_earlier_version_left_behind_goes_on_to_the_row(
    restored: Pipeline, kept: Path, tmp_path: Path
) -> None:
    with restored.owner() as connection:
        migrate(connection)
    assert restored.run()["status"] == "succeeded"
    assert restored.run()["read"] == 0
    assert restored.recount().is_right, str(restored.recount())
    [(closed_until,)] = restored.query("SELECT sealed_until FROM etl.pipeline")
    assert closed_until == datetime(2026, 3, 29, 0, 45, 58, 800_000, tzinfo=UTC)
    assert restored.query("SELECT status, count(*) FROM etl.run GROUP BY 1 ORDER BY 1") == [
        ("failed", 1),
        ("succeeded", 4),
    ]

    restate(restored, "00:00", "00:45")
    assert restored.windows() == counted(kept, closed_until)
    alerts = AlertSettings.from_environment({"ALERT_FOLDER": str(tmp_path / "alerts")})
    recover(restored.settings, alerts, "web_traffic/aggregate")
    assert restored.query("SELECT key FROM etl.alert WHERE resolved_at IS NULL") == []

    late = datetime(2026, 3, 29, 2, tzinfo=UTC)
    restored.produce(event("02:00"), at=late)
    restored.run()
    outcome = restored.recount()
    assert outcome.is_right, str(outcome)
    assert restored.windows() == counted(kept, late)
