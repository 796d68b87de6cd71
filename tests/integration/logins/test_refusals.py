"""Each way in which a broker refuses a login: at once, and with its own cause."""

import json
import socket
import time

import pytest
from confluent_kafka.admin import AclOperation

from local_stack import Stack
from local_stack.authority import Authority
from local_stack.environment import LOOPBACK
from simulator.sending import Sender
from tests.issuer import CLIENT_SECRET
from tests.pipeline import Pipeline
from tests.secured import PASSWORD, USER, SecuredBroker
from web_traffic.errors import EXIT_NEEDS_ATTENTION, KafkaRefused, KafkaUnavailable, SettingsError
from web_traffic.jobs import aggregate
from web_traffic.kafka import describe_topic, ensure_topic
from web_traffic.records import require_right_to_read
from web_traffic.settings import Settings

PROTOCOLS = ("PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL")
AT_ONCE = 5
"""Seconds: the limit for a broker that does not answer is 20."""


def refused(broker: SecuredBroker, name: str) -> tuple[str, dict[str, str], str]:
    """Return where to go with which login, and what the error says."""
    stranger = {"ssl.ca.location": str(broker.stranger)}
    certificate, key = Authority(broker.stranger.parent / name.replace(" ", "-"), "another").sign("someone")
    by_stranger = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
    only_ca = {"security.protocol": "SSL", "ssl.ca.location": str(broker.authority)}
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
    }
    return cells[name]


@pytest.mark.parametrize(
    "name",
    [
        *("wrong password", "wrong mechanism", "untrusted authority", "another name", "no certificate"),
        "certificate of a stranger",
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


def test_the_simulator_says_why_it_is_refused(broker: SecuredBroker) -> None:
    login = json.dumps(broker.scram | {"sasl.password": "wrong"})
    settings = Settings.from_environment({"KAFKA_URL": broker.scram_url, "KAFKA_CONFIG": login})
    with pytest.raises(KafkaRefused, match="invalid credentials"):
        Sender(settings, give_up_after=None)


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


@pytest.mark.parametrize(
    ("ours", "listener"), [(ours, listener) for ours in PROTOCOLS for listener in PROTOCOLS if ours != listener]
)
def test_another_protocol_than_the_listener_s_is_refused_at_once(
    broker: SecuredBroker, ours: str, listener: str
) -> None:
    urls = {"PLAINTEXT": broker.open_url, "SASL_PLAINTEXT": broker.urls["UNENCRYPTED"]}
    url = urls | {"SSL": broker.urls["ENCRYPTED"], "SASL_SSL": broker.scram_url}
    properties = (broker.scram | {"security.protocol": ours}).items()
    login = {
        name: value
        for name, value in properties
        if (not name.startswith("sasl.") or "SASL_" in ours) and (not name.startswith("ssl.") or "SSL" in ours)
    }
    settings = Settings.from_environment({"KAFKA_URL": url[listener], "KAFKA_CONFIG": json.dumps(login)})
    for ask in (describe_topic, ensure_topic):
        began = time.monotonic()
        with pytest.raises(KafkaRefused) as refusal:
            ask(settings)
        assert time.monotonic() - began < AT_ONCE
        assert f"{url[listener]}: this listener speaks {listener}, and security.protocol is {ours}" in str(
            refusal.value
        )


def test_a_listener_that_wants_a_certificate_does_not_say_whether_it_wants_a_login(broker: SecuredBroker) -> None:
    settings = Settings.from_environment({"KAFKA_URL": broker.tls_url})
    with pytest.raises(
        KafkaRefused, match=r"this listener speaks SASL_SSL or SSL, and security.protocol is PLAINTEXT"
    ):
        describe_topic(settings)


def test_a_server_of_several_that_speaks_another_protocol_keeps_nobody_out(broker: SecuredBroker) -> None:
    broker.make_topic("several")
    broker.allow(USER, "several", AclOperation.DESCRIBE)
    for servers in ((broker.open_url, broker.scram_url), (broker.scram_url, broker.open_url)):
        environment = {"KAFKA_URL": ",".join(servers), "KAFKA_CONFIG": json.dumps(broker.scram)}
        settings = Settings.from_environment(environment | {"KAFKA_TOPIC": "several"})
        assert describe_topic(settings).end_offsets == {"0": 0}


@pytest.mark.parametrize("security", [{}, {"security.protocol": "SSL"}])
def test_a_broker_that_is_down_or_silent_is_tried_again(
    security: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web_traffic.kafka.TIMEOUT_SECONDS", 2)
    with socket.create_server((LOOPBACK, 0)) as server:
        url = f"{LOOPBACK}:{server.getsockname()[1]}"
        settings = Settings.from_environment({"KAFKA_URL": url, "KAFKA_CONFIG": json.dumps(security)})
        with pytest.raises(KafkaUnavailable, match="no Kafka broker answers"):
            describe_topic(settings)
    with pytest.raises(KafkaUnavailable, match="no Kafka broker answers"):
        describe_topic(settings)


@pytest.mark.parametrize("name", ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location"])
def test_a_file_that_is_not_there_is_named(broker: SecuredBroker, name: str) -> None:
    login = broker.mutual_tls | {name: "/nowhere.pem"}
    settings = Settings.from_environment({"KAFKA_URL": broker.tls_url, "KAFKA_CONFIG": json.dumps(login)})
    with pytest.raises(SettingsError, match=name):
        describe_topic(settings)
