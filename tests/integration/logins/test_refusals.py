"""Each way in which a broker refuses a login: at once, and with its own cause."""

import json
import time

import pytest
from confluent_kafka.admin import AclOperation

from local_stack import Stack
from tests.certificates import Authority
from tests.issuer import CLIENT_SECRET
from tests.pipeline import Pipeline
from tests.secured import PASSWORD, USER, SecuredBroker
from web_traffic.errors import EXIT_NEEDS_ATTENTION, KafkaRefused, KafkaUnavailable, SettingsError
from web_traffic.jobs import aggregate
from web_traffic.kafka import describe_topic, ensure_topic
from web_traffic.records import require_right_to_read
from web_traffic.settings import Settings

AT_ONCE = 5
"""Seconds: the limit for a broker that does not answer is 20."""


def refused(broker: SecuredBroker, name: str) -> tuple[str, dict[str, str], str]:
    """Return where to go with which login, and what the error says."""
    stranger = {"ssl.ca.location": str(broker.stranger)}
    certificate, key = Authority(broker.stranger.parent / name.replace(" ", "-"), "another").sign("someone")
    by_stranger = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    only_ca = {"security.protocol": "SSL", "ssl.ca.location": str(broker.authority)}
    without_tls = {name: value for name, value in broker.scram.items() if not name.startswith("ssl.")}
    without_tls["security.protocol"] = "SASL_PLAINTEXT"
    cells = {
        "wrong password": (
            *(broker.scram_url, broker.scram | {"sasl.password": "wrong"}),
            "invalid credentials with SASL mechanism SCRAM-SHA-512",
        ),
        "wrong mechanism": (
            *(broker.scram_url, broker.scram | {"sasl.mechanism": "PLAIN"}),
            "Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-512",
        ),
        "untrusted authority": (
            *(broker.scram_url, broker.scram | stranger),
            f"the certificate of {broker.scram_url} is not trusted: unable to get local issuer certificate",
        ),
        "another name": (
            *(broker.scram_url.replace("localhost", "127.0.0.1"), broker.scram),
            "is not for this name: IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
        "no certificate": (broker.tls_url, only_ca, "alert certificate required"),
        "certificate of a stranger": (broker.tls_url, broker.mutual_tls | by_stranger, "alert certificate required"),
        "login where none is asked for": (
            *(broker.open_url, without_tls),
            "Request not valid in current SASL state",
        ),
    }
    return cells[name]


@pytest.mark.parametrize(
    "name",
    [
        *("wrong password", "wrong mechanism", "untrusted authority", "another name", "no certificate"),
        *("certificate of a stranger", "login where none is asked for"),
    ],
)
def test_a_login_that_the_broker_refuses_is_refused_at_once_with_its_cause(broker: SecuredBroker, name: str) -> None:
    url, login, said = refused(broker, name)
    settings = Settings.from_environment({"KAFKA_URL": url, "KAFKA_CONFIG": json.dumps(login)})
    for ask in (describe_topic, ensure_topic):
        began = time.monotonic()
        with pytest.raises(KafkaRefused) as refusal:
            ask(settings)
        assert time.monotonic() - began < AT_ONCE
        assert said in str(refusal.value)
        assert PASSWORD[:12] not in str(refusal.value)


def test_a_token_that_has_expired_and_a_wrong_secret_are_refused_at_once(broker: SecuredBroker) -> None:
    for lifetime, login, said in (
        (-30, broker.oidc, "xpired"),
        (3600, broker.oidc | {"sasl.oauthbearer.client.secret": "wrong"}, "invalid_client"),
    ):
        broker.issuer.lifetime = lifetime
        settings = Settings.from_environment({"KAFKA_URL": broker.token_url, "KAFKA_CONFIG": json.dumps(login)})
        began = time.monotonic()
        with pytest.raises(KafkaRefused) as refusal:
            describe_topic(settings)
        assert time.monotonic() - began < AT_ONCE
        assert said in str(refusal.value)
        assert CLIENT_SECRET not in str(refusal.value)
        broker.issuer.lifetime = 3600


@pytest.mark.parametrize("wrong", [{"sasl.password": "wrong"}, {"sasl.username": "nobody"}])
def test_a_run_with_a_wrong_login_ends_before_spark_starts_and_is_not_tried_again(
    by_scram: Pipeline, wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregate, "start_session", lambda _: pytest.fail("Spark was started"))
    login = json.dumps(dict(by_scram.settings.kafka_config) | wrong)
    result = by_scram.submit(KAFKA_CONFIG=login)
    [(error,)] = by_scram.query("SELECT error FROM etl.run")
    assert result.returncode == EXIT_NEEDS_ATTENTION
    assert "invalid credentials" in error
    assert result.stdout.splitlines()[-1] == error


def test_a_right_to_the_topic_that_is_missing_is_named(
    stack: Stack, broker: SecuredBroker, by_scram: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregate, "start_session", lambda _: pytest.fail("Spark was started"))
    lacks = r"topic {}: .*[Aa]uthorization failed.*; give the client the rights \(ACLs\) that it lacks"
    for topic, ask, rights in (("hidden", describe_topic, ()), ("unmade", ensure_topic, (AclOperation.DESCRIBE,))):
        broker.allow(USER, topic, *rights)
        settings = Settings.from_environment(by_scram.environment | {"KAFKA_TOPIC": topic})
        with pytest.raises(KafkaRefused, match=lacks.format(topic)):
            ask(settings)
    broker.make_topic("unread")
    broker.allow(USER, "unread", AclOperation.DESCRIBE)
    settings = Settings.from_environment(by_scram.environment | {"KAFKA_TOPIC": "unread"})
    began = time.monotonic()
    with pytest.raises(KafkaRefused, match=lacks.format("unread")):
        require_right_to_read(settings, describe_topic(settings))
    assert time.monotonic() - began < AT_ONCE
    assert by_scram.submit(KAFKA_TOPIC="unread").returncode == EXIT_NEEDS_ATTENTION
    broker.allow(USER, "unread", AclOperation.READ)
    require_right_to_read(settings, describe_topic(settings))


def test_a_door_of_another_kind_is_suspected(broker: SecuredBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web_traffic.kafka.TIMEOUT_SECONDS", 2)
    for url, login, said in (
        (broker.scram_url, {}, "closes each connection"),
        (broker.tls_url, {}, "closes each connection"),
        (broker.open_url, {"security.protocol": "SSL"}, "SSL connection closed by peer"),
    ):
        settings = Settings.from_environment({"KAFKA_URL": url, "KAFKA_CONFIG": json.dumps(login)})
        with pytest.raises(KafkaUnavailable) as unavailable:
            describe_topic(settings)
        assert said in str(unavailable.value)
        assert str(unavailable.value).endswith("is security.protocol that of its listener?")


@pytest.mark.parametrize("name", ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location"])
def test_a_file_that_is_not_there_is_named(broker: SecuredBroker, name: str) -> None:
    login = broker.mutual_tls | {name: "/nowhere.pem"}
    settings = Settings.from_environment({"KAFKA_URL": broker.tls_url, "KAFKA_CONFIG": json.dumps(login)})
    with pytest.raises(SettingsError, match=name):
        describe_topic(settings)
