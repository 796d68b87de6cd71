"""What a broker refuses, and what keeps a client from it: the error has the broker's own words, and comes in time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from local_stack.environment import LOOPBACK, Ports
from tests.faults.brokers import running_brokers
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from web_traffic import kafka
from web_traffic.errors import EXIT_NEEDS_ATTENTION, KafkaRefused, KafkaUnavailable, TopicNotMade
from web_traffic.kafka import describe_topic, ensure_topic
from web_traffic.settings import Settings

TOPIC = "guarded"
JAAS = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="broker" password="broker" user_broker="broker";'
)


def guarded(port: int, admin_port: int, controller_port: int) -> dict[str, object]:
    """Return the settings of a broker that lets in everybody, and allows only its own user anything."""
    return {
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},ADMIN://{LOOPBACK}:{admin_port},"
        f"CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port},ADMIN://{LOOPBACK}:{admin_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,ADMIN:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "inter.broker.listener.name": "ADMIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.admin.plain.sasl.jaas.config": JAAS,
        "listener.name.controller.plain.sasl.jaas.config": JAAS,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:broker",
        "default.replication.factor": 3,
    }


class Guarded:
    """A broker that allows strangers only what a test allows."""

    def __init__(self, url: str, admin_port: int) -> None:
        self.url = url
        login = {"sasl.mechanism": "PLAIN", "sasl.username": "broker", "sasl.password": "broker", "log_level": 0}
        address = {
            "bootstrap.servers": f"{LOOPBACK}:{admin_port}",
            "security.protocol": "SASL_PLAINTEXT",
            "log_level": 0,
        }
        self.address = address | login
        self.admin = AdminClient(self.address)

    def allow(self, operation: AclOperation, kind: ResourceType = ResourceType.TOPIC, name: str = TOPIC) -> None:
        pattern, allow = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
        acl = AclBinding(kind, name, pattern, "User:ANONYMOUS", "*", operation, allow)
        self.admin.create_acls([acl])[acl].result(20)

    def make_topic(self, name: str, value: bytes) -> None:
        self.admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)
        producer = Producer(self.address)
        producer.produce(name, value)
        assert producer.flush(20) == 0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    ports = Ports.free()
    own = guarded(ports.kafka, ports.mail, ports.kafka_controller)
    with running_brokers(tmp_path_factory.mktemp("guarded"), 1, port=ports.kafka, others=own) as cluster:
        yield Guarded(cluster.url, ports.mail)


@pytest.fixture
def settings(broker: Guarded) -> Settings:
    return Settings.from_environment({"KAFKA_URL": broker.url, "KAFKA_TOPIC": TOPIC})


@pytest.mark.parametrize("ask", [ensure_topic, describe_topic])
def test_a_right_that_is_missing_is_named_and_not_taken_for_an_absent_broker(
    settings: Settings, ask: Callable[[Settings], object]
) -> None:
    with pytest.raises(KafkaRefused, match=r"topic guarded: .*[Aa]uthorization failed.*; give the client the rights"):
        ask(settings)


def test_a_topic_that_may_be_seen_but_not_be_made(broker: Guarded, settings: Settings) -> None:
    unmade = replace(settings, kafka_topic="unmade")
    broker.allow(AclOperation.DESCRIBE, name="unmade")
    with pytest.raises(KafkaRefused, match=r"topic unmade: .*[Aa]uthorization failed"):
        ensure_topic(unmade)


def test_a_topic_for_which_there_are_too_few_brokers_or_that_can_not_be(broker: Guarded, settings: Settings) -> None:
    broker.allow(AclOperation.ALL, name="copied")
    broker.allow(AclOperation.CREATE, ResourceType.BROKER, "kafka-cluster")
    with pytest.raises(KafkaUnavailable, match="replication factor of 3 cannot be reached because only 1 broker"):
        ensure_topic(replace(settings, kafka_topic="copied"))
    broker.allow(AclOperation.ALL, name="..")
    with pytest.raises(TopicNotMade, match=r"does not make the topic \.\.: .*; have it made"):
        ensure_topic(replace(settings, kafka_topic=".."))


def test_a_run_that_may_not_read_says_so_and_is_not_tried_again(broker: Guarded, pipeline: Pipeline) -> None:
    broker.make_topic("unread", event("00:01"))
    broker.allow(AclOperation.DESCRIBE, name="unread")
    result = pipeline.submit(KAFKA_URL=broker.url, KAFKA_TOPIC="unread")
    [(error,)] = pipeline.query("SELECT error FROM etl.run")
    assert "uthoriz" in error
    assert "ACLs" in error
    assert result.returncode == EXIT_NEEDS_ATTENTION
    assert (result.stdout + result.stderr).splitlines()[-1] == error


def test_a_name_that_does_not_resolve_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "TIMEOUT_SECONDS", 3)
    nowhere = {"advertised.listeners": "PLAINTEXT://broker.invalid:9092"}
    with running_brokers(tmp_path / "nowhere", 1, others=nowhere) as cluster:
        settings = Settings.from_environment({"KAFKA_URL": cluster.url, "KAFKA_TOPIC": TOPIC})
        for ask in (ensure_topic, describe_topic):
            began = time.monotonic()
            with pytest.raises(KafkaUnavailable, match=r"Failed to resolve 'broker\.invalid:9092'.*advertised"):
                ask(settings)
            assert time.monotonic() - began < 3 * kafka.TIMEOUT_SECONDS
