"""The embedded Kafka: one KRaft node that is broker and controller, on loopback.

If the stack is secured, all connections are encrypted. The ETL logs in by SCRAM. The broker itself logs in to the
controller by PLAIN as `admin`, who makes the ETL's login: Kafka stores it, so it can't be the first one.
"""

import json
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its stubs do not export all of them
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from local_stack.env_file import write_private
from local_stack.environment import LOOPBACK, TRAINING, Stack
from local_stack.errors import StackError
from local_stack.jars import JARS, class_path
from local_stack.java import archive_options, class_archive, java_home, make_archive_option
from local_stack.progress import step

LOGGING = Path(__file__).with_name("kafka-log4j2.properties")
ADMIN, USER = "admin", "web_traffic"
ANSWER_WITHIN = 60
"""Seconds that the broker has to make a login."""
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


def command(stack: Stack) -> list[str]:
    """The command line of the broker."""
    archive = [make_archive_option(partial_archive())] if stack.home == TRAINING else archive_options(broker_archive())
    options = ("-Xms256m", "-Xmx512m", "-XX:+UseG1GC", *archive)
    return [*_java(*options), "kafka.Kafka", str(_properties_file(stack))]


def broker_archive() -> Path:
    """The archive of the broker's classes, beside the jars that they came from."""
    return class_archive(JARS / "kafka", class_path("kafka"))


def partial_archive() -> Path:
    """Where the broker of the training stack writes it."""
    return broker_archive().with_name("classes.partial")


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
    try:
        return bool(_admin(stack).list_topics(timeout=1).brokers)
    except KafkaException:
        return False


def provision(stack: Stack) -> None:
    """Give the ETL its login, with the password of `.env`; safe to repeat. A plain broker has no logins."""
    if stack.is_secure:
        make_user(_admin(stack), stack.secrets.kafka)


def make_user(admin: AdminClient, password: str) -> None:
    """Make the ETL's login with this password, or change its password; raises `KafkaException`."""
    # The password is random, so more rounds than the least that Kafka takes would only make logins slower.
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    user = UserScramCredentialUpsertion(USER, how, password.encode())
    admin.alter_user_scram_credentials([user])[USER].result(ANSWER_WITHIN)


def login(stack: Stack) -> dict[str, str]:
    """The properties of librdkafka with which the ETL enters the broker; none if it is open."""
    return _login(stack, "SCRAM-SHA-512", USER, stack.secrets.kafka)


def admin_login(stack: Stack) -> dict[str, str]:
    """The same for the administrator."""
    return _login(stack, "PLAIN", ADMIN, stack.secrets.kafka_admin)


def _admin(stack: Stack) -> AdminClient:
    return AdminClient({"bootstrap.servers": stack.kafka_url, "log_level": 0, **admin_login(stack)})


def _login(stack: Stack, mechanism: str, user: str, password: str) -> dict[str, str]:
    if not stack.is_secure:
        return {}
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
        "ssl.ca.location": str(stack.authority_file),
    }


def _folder(stack: Stack) -> Path:
    return stack.home / "kafka"


def _storage(stack: Stack) -> Path:
    return _folder(stack) / "data"


def _properties_file(stack: Stack) -> Path:
    return _folder(stack) / "server.properties"


def _settings(stack: Stack, storage: Path) -> dict[str, object]:
    controller = f"{LOOPBACK}:{stack.ports.kafka_controller}"
    name, protocol = ("SECURED", "SASL_SSL") if stack.is_secure else ("PLAINTEXT", "PLAINTEXT")
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{name}://{stack.kafka_url},CONTROLLER://{controller}",
        "advertised.listeners": f"{name}://{stack.kafka_url}",
        "listener.security.protocol.map": f"{name}:{protocol},CONTROLLER:{protocol}",
        "inter.broker.listener.name": name,
        **(_doors(stack) if stack.is_secure else {}),
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


def _doors(stack: Stack) -> dict[str, object]:
    """What a secured broker asks of its clients, and how it enters its own doors."""
    password = json.dumps(stack.secrets.kafka_admin)  # JAAS has the same quotes and escapes
    admin = f'{PLAIN} required username="{ADMIN}" password={password} user_{ADMIN}={password};'
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": stack.tls_folder / "kafka.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": stack.authority_file,
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.secured.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
        "listener.name.secured.plain.sasl.jaas.config": admin,
        "listener.name.controller.plain.sasl.jaas.config": admin,
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    }


def _write_properties(file: Path, settings: dict[str, object]) -> None:
    # A backslash is the escape of the properties format.
    lines = (f"{name}={value}".replace("\\", "\\\\") for name, value in settings.items())
    write_private(file, "\n".join(lines) + "\n")


def _format(properties: Path) -> None:
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    java = _java("-Xmx128m", *archive_options(broker_archive()))
    tool = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
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
