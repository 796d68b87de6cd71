"""Measure how much disk events and runs take: MB per million events, and MB per 1,000 runs.

With Kafka and PostgreSQL up (`make up`): `python -m bench.disk`. It makes a topic, a database and a checkpoint of its
own, runs the application with the quality rules, and removes the database and the topic at the end.
"""

import argparse
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from local_stack import Stack
from local_stack.postgres import make_warehouse
from local_stack.spark import submit_command, submit_environment
from simulator import Traffic
from simulator.sending import Sender
from web_traffic.kafka import ensure_topic
from web_traffic.kafka_client import asking
from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import check, keep
from web_traffic.quality.topic import run_scope
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate
from web_traffic.window_length import window_start

MB = 1_000_000
SIZES = """
SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class AS c
WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, 'etl'::regnamespace)
"""
OF_EVENTS = {
    "aggregated_web_traffic": "windows, with their index",
    "hits_by_host": "sums of the page by host",
    "hits_by_site": "sums of the page by referring site",
    "rejected_event": "rejected events",
}
OF_RUNS = {"run": "runs", "batch": "batches", "quality_result": "results of quality rules"}


def main() -> None:
    """Count many events in one run, then few events in many runs, and print what has grown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the first run (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=20, help="runs after it (default: %(default)s)")
    options = parser.parse_args()
    stack = Stack.load()
    with TemporaryDirectory() as folder:
        name = "bench_disk"
        environment = submit_environment(stack) | {
            "KAFKA_TOPIC": name,
            "POSTGRES_URL": stack.postgres_url.removesuffix("web_traffic") + name,
            "CHECKPOINT_LOCATION": str(Path(folder, "checkpoint")),
        }
        make_warehouse(stack, name)
        owner = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": stack.secrets.postgres_owner}
        settings = Settings.from_environment(environment)
        with closing(connect(Settings.from_environment(environment | owner))) as connection:
            migrate(connection)
            ensure_topic(settings)
            try:
                _measure(stack, settings, environment, connection, options.events, options.runs)
            finally:
                connection.close()
                _remove(stack, settings, name)


def _measure(
    stack: Stack,
    settings: Settings,
    environment: dict[str, str],
    connection: psycopg.Connection[Any],
    events: int,
    runs: int,
) -> None:
    end = window_start(datetime.now(UTC)) - timedelta(hours=2)
    _send(settings, events, end - timedelta(hours=1), end, seed=1)
    before = _sizes(connection)
    _run(settings, environment)
    between = _sizes(connection)
    kafka = _folder(stack.home / "kafka", f"{settings.kafka_topic}-")
    print(f"MB per million events ({events:,} events with the keys of the sample traffic)\n\n| what | MB |\n|---|---|")
    print(f"| events in Kafka, compressed by the producer | {kafka / events:.0f} |")
    for table, what in OF_EVENTS.items():
        print(f"| {what} | {(between[table] - before[table]) / events:.0f} |")
    for number in range(runs):
        start = end + number * timedelta(minutes=5)
        _send(settings, 1_000, start, start + timedelta(minutes=5), seed=number + 2)
        _run(settings, environment)
    after = _sizes(connection)
    print(f"\nMB per 1,000 runs ({runs} runs of 1,000 events)\n\n| what | MB |\n|---|---|")
    for table, what in OF_RUNS.items():
        print(f"| {what} | {1_000 * (after[table] - between[table]) / runs / MB:.1f} |")
    print(f"\nThe checkpoint has {_folder(settings.checkpoint_location) / MB:.1f} MB after {runs + 1} runs.")


def _send(settings: Settings, events: int, start: datetime, end: datetime, seed: int) -> None:
    sender = Sender(settings, give_up_after=timedelta(minutes=1))
    for event in Traffic(seed=seed).events(start, end, events):
        sender.send(event)
    sender.flush(60)


def _run(settings: Settings, environment: dict[str, str]) -> None:
    subprocess.run(submit_command(), env=environment, check=True, capture_output=True, timeout=900)
    with connect(settings) as connection:
        scope = run_scope(settings, connection)
        keep(connection, "aggregated_web_traffic", check(connection, RULES, scope), scope)


def _sizes(connection: psycopg.Connection[Any]) -> dict[str, int]:
    with connection.transaction():
        return dict(connection.execute(SIZES).fetchall())


def _folder(folder: Path, prefix: str = "") -> int:
    files = (file for file in folder.rglob("*") if file.is_file())
    inside = (file for file in files if any(part.startswith(prefix) for part in file.relative_to(folder).parts))
    return sum(file.stat().st_size for file in inside if file.suffix not in (".index", ".timeindex"))


def _remove(stack: Stack, settings: Settings, name: str) -> None:
    with asking(settings, 20) as admin:
        admin.delete_topics([name])[name].result(20)
    shutil.rmtree(settings.checkpoint_location, ignore_errors=True)
    admin_login = {"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": stack.secrets.postgres_admin}
    url = stack.postgres_url.removesuffix("web_traffic") + "postgres"
    with closing(connect(Settings.from_environment({"POSTGRES_URL": url, **admin_login}))) as connection:
        connection.autocommit = True
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    main()
