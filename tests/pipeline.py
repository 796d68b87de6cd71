"""A pipeline on real services, for tests: topic, database and checkpoint of its own."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import psycopg
from confluent_kafka.admin import NewTopic

from local_stack import Stack
from local_stack.jars import class_path
from local_stack.postgres import make_warehouse
from local_stack.spark import APPLICATION, submit_command, submit_environment
from simulator import Traffic, Truth
from simulator.sending import Sender
from tests.timing import count_start, timed
from tests.warm_spark import SMALL_RUN, run_here
from web_traffic.gate import Decision, ask
from web_traffic.kafka import describe_topic
from web_traffic.kafka_client import make_admin, make_producer
from web_traffic.recount import Recount, recount
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate

RUN_LIMIT_SECONDS = 300
MOST_BYTES = 4_000_000
TOPIC = {
    "retention.ms": "-1",
    "max.message.bytes": str(MOST_BYTES),
    "message.timestamp.after.max.ms": str(2**63 - 1),
}
Windows = dict[tuple[datetime, str, str | None], int]


@dataclass
class Pipeline:
    """One pipeline of its own: topic, database, checkpoint.

    `run` and `submit` run the application in the tests' warm Spark. Where the process is the subject, `cold` gives the
    same pipeline with a process of its own for each run.
    """

    environment: dict[str, str]
    owner_password: str
    application: Path = APPLICATION
    command: list[str] | None = None
    """What runs the application in a process of its own; None for the warm Spark."""

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's folder, if it is on this disk."""
        return Path(self.settings.checkpoint_location.removeprefix("file://"))

    def ask_gate(self) -> Decision:
        """Ask the gate as the DAG does; nothing of it sees the checkpoint."""
        with self.connect() as connection:
            return ask(self.settings, connection, describe_topic(self.settings), is_asked_for=False)

    def connect(self) -> psycopg.Connection[Any]:
        return connect(self.settings)

    def owner(self) -> psycopg.Connection[Any]:
        """Return a connection as the role that owns the tables."""
        owner = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": self.owner_password}
        return connect(Settings.from_environment(self.environment | owner))

    def produce(self, *values: bytes | None, at: datetime | int | None = None, partition: int | None = None) -> None:
        """Send values with a Kafka timestamp (in ms, if it is none of the calendar), and wait until they are there."""
        errors: list[object] = []
        producer = make_producer(self.settings, {"message.max.bytes": MOST_BYTES})
        timestamp = at if isinstance(at, int) else int((at or datetime.now(UTC)).timestamp() * 1000)
        place = {} if partition is None else {"partition": partition}
        for value in values:
            producer.produce(
                self.settings.kafka_topic,
                value,
                timestamp=timestamp,
                **place,
                on_delivery=lambda error, _: errors.append(error) if error else None,
            )
        assert (producer.flush(30), errors) == (0, [])

    def produce_traffic(self, events: int, seed: int, start: datetime, end: datetime) -> Truth:
        """Send realistic traffic and return its ground truth."""
        sender, truth = Sender(self.settings, give_up_after=timedelta(minutes=1)), Truth()
        for event in Traffic(seed=seed).events(start, end, events):
            truth.add(event)
            sender.send(event)
        sender.flush(60)
        return truth

    @property
    def cold(self) -> Self:
        """The same pipeline, each of whose runs is a spark-submit."""
        return replace(self, command=self.command or submit(self.application))

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """Start spark-submit in a session of its own, as Airflow does, with its output in one pipe."""
        count_start("spark-submit, stopped or side by side")
        return subprocess.Popen(
            self.command or submit(self.application),
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def submit(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the application and return its exit code and output."""
        if self.command is None:
            with timed("run in the warm Spark"):
                return run_here(self.application, self.environment | environment)
        with timed("spark-submit"):
            return subprocess.run(
                self.command,
                env=self.environment | environment,
                check=False,
                capture_output=True,
                text=True,
                timeout=RUN_LIMIT_SECONDS,
            )

    def run(self, **environment: str) -> dict[str, Any]:
        """Run the application and return its summary."""
        result = self.submit(**environment)
        assert result.returncode == 0, result.stdout[-5000:]
        [summary] = [line for line in result.stdout.splitlines() if line.startswith("{")]
        found: dict[str, Any] = json.loads(summary)
        return found

    def windows(self) -> Windows:
        """Return the result table; a key that stands there twice fails the test."""
        with self.connect() as connection:
            rows = connection.execute("SELECT window_start, host, referrer, num_hits FROM aggregated_web_traffic")
            windows = [((start, host, referrer), hits) for start, host, referrer, hits in rows]
        assert len(windows) == len(dict(windows))
        return dict(windows)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(statement).fetchall()

    def recount(self) -> Recount:
        return recount(self.settings)


@contextmanager
def revoked(pipeline: Pipeline, right: str) -> Iterator[None]:
    """Take a right from the writer, and give it back, also after a test that failed: others share the database."""
    with pipeline.owner() as connection:
        connection.execute(f"REVOKE {right} FROM web_traffic_writer")
    try:
        yield
    finally:
        with pipeline.owner() as connection:
            connection.execute(f"GRANT {right} TO web_traffic_writer")


def end_locks(pipeline: Pipeline) -> None:
    """End the sessions that hold the advisory locks of the pipeline's database, as an administrator may do."""
    with pipeline.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND d.datname = current_database()"
        )


def bound_by_permissions() -> list[str]:
    """Return what to put before a command so that permissions bind it also when it runs as root."""
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", "--bounding-set", rights, "--inh-caps", rights] if os.geteuid() == 0 else []


def submit(application: Path = APPLICATION, jars: Sequence[Path] = ()) -> list[str]:
    """Return the command line of the application, with the options that the DAG gives to a small run.

    The jars come on top of those of the stack.
    """
    program, *arguments = submit_command(application=application)
    options = {"spark.driver.extraJavaOptions": SMALL_RUN}
    if jars:
        options["spark.jars"] = ",".join(map(str, (*class_path("spark"), *jars)))
    return [program, *(part for name, value in options.items() for part in ("--conf", f"{name}={value}")), *arguments]


def make_pipeline(stack: Stack, name: str, checkpoint: Path, **environment: str) -> Pipeline:
    """Make a pipeline with an empty topic and a migrated database; `environment` overrides the stack's."""
    make_warehouse(stack, name, _template(stack))
    pipeline = Pipeline(own_environment(stack, name, checkpoint) | environment, stack.secrets.postgres_owner)
    make_topic(pipeline.settings)
    return pipeline


@cache
def _template(stack: Stack) -> str:
    """Make a migrated database once in a stack, and return its name."""
    name = "migrated"
    make_warehouse(stack, name)
    owner = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": stack.secrets.postgres_owner}
    with closing(connect(Settings.from_environment(own_environment(stack, name, stack.home) | owner))) as connection:
        migrate(connection)
    return name


def own_environment(stack: Stack, name: str, checkpoint: Path) -> dict[str, str]:
    """Return the stack's environment with a topic, a database and a checkpoint of its own."""
    return submit_environment(stack) | {
        "KAFKA_TOPIC": name,
        "POSTGRES_URL": f"{stack.postgres_url.removesuffix('web_traffic')}{name}",
        "CHECKPOINT_LOCATION": str(checkpoint),
    }


def make_topic(settings: Settings) -> None:
    """Make a topic that keeps events of any age and size: the tests choose their own."""
    topic = NewTopic(settings.kafka_topic, settings.kafka_topic_partitions, config=TOPIC)
    admin = make_admin(settings, {})
    admin.create_topics([topic])[settings.kafka_topic].result(30)
