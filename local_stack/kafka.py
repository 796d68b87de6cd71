"""The embedded Kafka: one KRaft node that is broker and controller, on loopback."""

import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from local_stack.environment import LOOPBACK, Stack
from local_stack.errors import StackError
from local_stack.jars import class_path
from local_stack.java import java_home
from local_stack.progress import step

LOGGING = Path(__file__).with_name("kafka-log4j2.properties")


def command(stack: Stack) -> list[str]:
    """The command line of the broker."""
    return [*_java("-Xms256m", "-Xmx512m", "-XX:+UseG1GC"), "kafka.Kafka", str(_properties_file(stack))]


def prepare(stack: Stack) -> None:
    """Write the broker's settings and format its storage once; the storage appears only when it is whole."""
    _folder(stack).mkdir(parents=True, exist_ok=True)
    _write_properties(_properties_file(stack), _settings(stack, _storage(stack)))
    if _storage(stack).is_dir():
        return
    with step(f"Kafka's storage is {_storage(stack)}"):
        partial = _storage(stack).with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        properties = _folder(stack) / "format.properties"
        _write_properties(properties, _settings(stack, partial))
        _format(properties)
        properties.unlink()
        partial.rename(_storage(stack))


def is_ready(stack: Stack) -> bool:
    """Whether the broker answers a request for metadata."""
    client = AdminClient({"bootstrap.servers": stack.kafka_url, "log_level": 0})
    try:
        return bool(client.list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def _folder(stack: Stack) -> Path:
    return stack.home / "kafka"


def _storage(stack: Stack) -> Path:
    return _folder(stack) / "data"


def _properties_file(stack: Stack) -> Path:
    return _folder(stack) / "server.properties"


def _settings(stack: Stack, storage: Path) -> dict[str, object]:
    controller = f"{LOOPBACK}:{stack.ports.kafka_controller}"
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{stack.kafka_url},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{stack.kafka_url}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": storage,
        # A topic that a typing error would make is worse than an error.
        "auto.create.topics.enable": "false",
        # One node holds the one copy of everything, internal topics included.
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "log.retention.hours": 168,
    }


def _write_properties(file: Path, settings: dict[str, object]) -> None:
    # A backslash is the escape of the properties format.
    lines = (f"{name}={value}".replace("\\", "\\\\") for name, value in settings.items())
    file.write_text("\n".join(lines) + "\n")


def _format(properties: Path) -> None:
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = [*_java("-Xmx128m"), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
    result = subprocess.run(tool, check=False, capture_output=True, text=True)
    if result.returncode:
        reason = (result.stderr or result.stdout).strip().splitlines()[-1]
        raise StackError(f"Kafka's storage can't be formatted ({properties}): {reason}")


def _java(*options: str) -> list[str]:
    jars = ":".join(str(jar) for jar in class_path("kafka"))
    return [
        str(java_home() / "bin" / "java"),
        *options,
        "-XX:TieredStopAtLevel=1",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dlog4j2.configurationFile={LOGGING}",
        *("-cp", jars),
    ]
