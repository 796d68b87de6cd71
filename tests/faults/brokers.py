"""Kafka brokers of a trial's own: behind a proxy, or three of them."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local_stack.environment import LOOPBACK, Ports
from local_stack.jars import class_path
from local_stack.java import archive_options, java_home
from local_stack.kafka import broker_archive
from tests.faults.stopped import wait_until
from web_traffic.errors import KafkaUnavailable, TopicMissing
from web_traffic.kafka import describe_topic
from web_traffic.settings import Settings

CLUSTER = "AAAAAAAAAAAAAAAAAAAAAA"


@dataclass(frozen=True)
class Broker:
    """A node that is broker and controller."""

    number: int
    port: int
    controller_port: int
    folder: Path
    jars: str
    """The folder of var/jars that has the broker."""
    classes: Path | None
    """A folder with more classes."""

    def start(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*_java(self.jars, self.classes), "-Xmx384m", "kafka.Kafka", str(self.folder / "server.properties")],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def prepare(self, settings: dict[str, object]) -> None:
        self.folder.mkdir(parents=True)
        file = self.folder / "server.properties"
        lines = (f"{name}={value}\n".replace("\\", "\\\\") for name, value in settings.items())
        file.write_text("".join(lines))
        tool = [
            *_java(self.jars, self.classes),
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={CLUSTER}",
            "-c",
            str(file),
        ]
        subprocess.run(tool, check=True, capture_output=True)


@dataclass
class Cluster:
    """Running brokers."""

    url: str
    processes: list[subprocess.Popen[bytes]]
    brokers: list[Broker]

    def kill(self, index: int) -> None:
        self.processes[index].kill()
        self.processes[index].wait()

    def start(self, index: int) -> None:
        self.processes[index] = self.brokers[index].start()
        self.wait()

    def wait(self) -> None:
        client = AdminClient({"bootstrap.servers": self.url, "log_level": 0})

        def are_up() -> bool:
            try:
                return len(client.list_topics(timeout=1).brokers) == len(self.brokers)
            except KafkaException:
                return False

        wait_until(are_up, f"{len(self.brokers)} brokers", within=120)


@contextmanager
def running_brokers(
    folder: Path,
    count: int,
    advertised: str | None = None,
    port: int | None = None,
    others: Mapping[str, object] | None = None,
    jars: str = "kafka",
    classes: Path | None = None,
) -> Iterator[Cluster]:
    """Run that many brokers, one copy of each partition on each; `advertised` is the one address that clients get.

    Settings in `others` take the place of those that a broker has by default.
    """
    ports = [Ports.free() for _ in range(count)]
    brokers = [
        Broker(number, port or free.kafka, free.kafka_controller, folder / f"broker-{number}", jars, classes)
        for number, free in enumerate(ports, 1)
    ]
    voters = ",".join(f"{broker.number}@{LOOPBACK}:{broker.controller_port}" for broker in brokers)
    for broker in brokers:
        broker.prepare(
            _settings(broker, voters, count, advertised or f"{LOOPBACK}:{broker.port}") | dict(others or {})
        )
    with ExitStack() as ending:
        processes = [broker.start() for broker in brokers]
        url = advertised or ",".join(f"{LOOPBACK}:{broker.port}" for broker in brokers)
        cluster = Cluster(url, processes, brokers)
        ending.callback(lambda: [(process.kill(), process.wait()) for process in cluster.processes])
        cluster.wait()
        yield cluster


def wait_for_leaders(settings: Settings, partitions: int = 1) -> None:
    """Wait until all partitions of the topic have a leader, and there are so many at least."""

    def are_there() -> bool:
        try:
            return len(describe_topic(settings).end_offsets) >= partitions
        except (KafkaUnavailable, TopicMissing):
            return False

    wait_until(are_there, "leaders of all partitions", within=60)


def _settings(broker: Broker, voters: str, copies: int, advertised: str) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": broker.number,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{broker.port},CONTROLLER://{LOOPBACK}:{broker.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": broker.folder / "data",
        "default.replication.factor": copies,
        "min.insync.replicas": min(copies, 2),
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": min(copies, 2),
        "broker.session.timeout.ms": 6000,
    }


def _java(jars: str, classes: Path | None) -> list[str]:
    return [
        str(java_home() / "bin" / "java"),
        "-XX:TieredStopAtLevel=1",
        *(archive_options(broker_archive()) if jars == "kafka" else []),
        "-Djava.net.preferIPv4Stack=true",
        "-cp",
        ":".join(str(place) for place in (*class_path(jars), *([classes] if classes else []))),
    ]
