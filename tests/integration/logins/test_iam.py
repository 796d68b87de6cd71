"""Logins to Kafka by tokens of Amazon IAM: by both clients, with tokens that expire, and each flaw by its name."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyspark
import pytest
from confluent_kafka import KafkaError

from local_stack.jars import class_path
from local_stack.java import java_home
from tests import iam
from tests.faults.stopped import wait_until
from tests.integration.test_aggregate import EVENING, event
from tests.pipeline import Pipeline, submit
from tests.secured import MSK_NAME, SecuredBroker
from web_traffic import kafka_iam
from web_traffic.errors import EXIT_NEEDS_ATTENTION, KafkaRefused, KafkaUnavailable, SettingsError
from web_traffic.kafka import describe_topic
from web_traffic.kafka_client import make_producer
from web_traffic.kafka_login import java_options
from web_traffic.settings import Settings
from web_traffic_airflow.connections import job_environment

AT_ONCE = 5
LIFETIME = "aws_msk_iam_sasl_signer.MSKAuthTokenProvider.DEFAULT_TOKEN_EXPIRY_SECONDS"
"""The signer's own, in seconds."""


@pytest.fixture
def by_iam(enter: Callable[[str], Pipeline], identity: None) -> Pipeline:
    """A pipeline whose runs are a process each, with the jars of IAM: a JVM gets its AWS identity at its start."""
    pipeline, command = enter("by_iam"), submit(jars=iam.client_jars())
    return replace(pipeline, environment=pipeline.environment | iam.IDENTITY, command=command)


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the AWS identity that the broker knows, and no other one."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in iam.IDENTITY.items():
        monkeypatch.setenv(name, value)


def test_runs_that_log_in_by_tokens_are_right_to_the_row(by_iam: Pipeline) -> None:
    by_iam.produce_traffic(2_000, seed=1, start=EVENING, end=EVENING + timedelta(hours=1))
    first = by_iam.run()
    by_iam.produce_traffic(2_000, seed=2, start=EVENING + timedelta(hours=1), end=EVENING + timedelta(hours=2))
    second = by_iam.run()
    assert (first["read"], second["read"]) == (2_000, 2_000)
    assert sum(by_iam.windows().values()) == first["emitted"] + second["emitted"] > 0
    assert by_iam.recount().is_right


def test_a_connection_of_airflow_with_the_names_of_amazon_s_brokers_is_enough(
    broker: SecuredBroker, by_iam: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_iam.produce(event("00:01"), event("00:20"))
    servers = broker.urls["MSK"].replace("localhost", MSK_NAME)
    login = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "ssl.ca.location": str(broker.authority),
    }
    extra = {"bootstrap.servers": servers, **login}
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", json.dumps({"conn_type": "kafka", "extra": extra}))
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", "postgres://nobody:none@localhost/nowhere")
    kafka = {name: value for name, value in job_environment().items() if name.startswith("KAFKA_")}
    assert kafka["KAFKA_URL"] == servers
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 {MSK_NAME}\n{Path('/etc/hosts').read_text()}")
    with_name = ["unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"]
    if subprocess.run([*with_name, "true"], check=False, capture_output=True).returncode:
        with_name[1:2] = ["--user", "--map-root-user", "--mount"]
    run = replace(by_iam, command=[*with_name, *(by_iam.command or [])]).run(**kafka)
    assert (run["read"], list(by_iam.windows().values())) == (2, [1])


def test_librdkafka_renews_a_token_that_expires_in_mid_use(by_iam: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LIFETIME, 8)
    made: set[str] = set()

    def make_token(value: str) -> tuple[str, float]:
        token, expires_at = kafka_iam.make_token(value)
        made.add(token)
        return token, expires_at

    monkeypatch.setattr("web_traffic.kafka_client.make_token", make_token)
    # A broker takes no second login within a second of the first one: then librdkafka connects anew, and goes on.
    producer = make_producer(by_iam.settings, {"enable.idempotence": True})
    errors: list[KafkaError | None] = []

    def has_outlived_tokens() -> bool:
        producer.produce(by_iam.settings.kafka_topic, "sent", on_delivery=lambda error, _: errors.append(error))
        return producer.flush(10) == 0 and len(made) > 2

    wait_until(has_outlived_tokens, "a third token", within=60)
    assert set(errors) == {None}
    assert sum(describe_topic(by_iam.settings).end_offsets.values()) == len(errors)


def test_java_s_client_renews_a_token_that_expires_in_mid_use(by_iam: Pipeline, tmp_path: Path) -> None:
    options = java_options(by_iam.settings.kafka_config) | {"bootstrap.servers": by_iam.settings.kafka_url}
    file = tmp_path / "client.properties"
    file.write_text("".join(f"{name}={value.encode('unicode_escape').decode()}\n" for name, value in options.items()))
    classes = iam.compiled("Sender", tmp_path / "classes", "spark")
    others = Path(pyspark.__file__).parent / "jars" / "*"
    places = (classes, *iam.hasty_client_jars(tmp_path), *class_path("spark"), others)
    # Twice as long as a token lives.
    arguments = [str(file), by_iam.settings.kafka_topic, "30"]
    result = subprocess.run(
        [str(java_home() / "bin" / "java"), "-cp", ":".join(map(str, places)), "Sender", *arguments],
        env=iam.IDENTITY,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert sum(describe_topic(by_iam.settings).end_offsets.values()) == int(result.stdout.splitlines()[-1]) > 50


@pytest.mark.usefixtures("identity")
@pytest.mark.parametrize(
    ("variables", "error", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "another"}, KafkaRefused, "invalid_token"),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
            SettingsError,
            "AWS has no credentials for this process",
        ),
        ({"AWS_PROFILE": "nobody"}, KafkaUnavailable, "AWS gives no token: The config profile (nobody) could not be"),
    ],
)
def test_a_token_that_the_broker_refuses_or_nobody_can_make_is_refused_at_once(
    broker: SecuredBroker,
    variables: dict[str, str],
    error: type[Exception],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    door = broker.doors["by_iam"]
    settings = Settings.from_environment({"KAFKA_URL": door.url, "KAFKA_CONFIG": json.dumps(door.login)})
    began = time.monotonic()
    with pytest.raises(error) as refusal:
        describe_topic(settings)
    assert time.monotonic() - began < AT_ONCE
    assert said in str(refusal.value)
    assert iam.SECRET not in str(refusal.value)


def test_a_run_without_the_jar_says_which_one(by_iam: Pipeline) -> None:
    by_iam.produce(event("00:01"))
    result = replace(by_iam, command=None).submit()
    assert result.returncode == EXIT_NEEDS_ATTENTION
    assert "needs the jar software.amazon.msk:aws-msk-iam-auth:" in result.stdout.splitlines()[-1]


def test_without_the_signer_the_error_names_the_package(by_iam: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    with pytest.raises(SettingsError, match="aws-msk-iam-sasl-signer-python: install the extra aws"):
        describe_topic(by_iam.settings)
