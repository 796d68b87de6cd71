"""What Airflow's connections say reaches the ETL, or is refused by name."""

import json
import logging
import re
import sys
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from local_stack.environment import REPO
from web_traffic.errors import SettingsError
from web_traffic_airflow.connections import job_environment, job_settings

KAFKA = {"bootstrap.servers": "broker.example:9092"}
MSK = {
    "bootstrap.servers": "b-1.demo.abcde1.c2.kafka.us-east-1.amazonaws.com:9098",
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "OAUTHBEARER",
}
DATABASE = {"host": "db.example", "port": 5433, "schema": "web_traffic", "login": "writer", "password": "secret"}


def connect(patch: pytest.MonkeyPatch, kafka: dict[str, Any] | None = None, **database: Any) -> None:
    """Set both connections as an administrator may do: by environment."""
    patch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", json.dumps({"conn_type": "kafka", "extra": KAFKA | (kafka or {})}))
    patch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps({"conn_type": "postgres"} | DATABASE | database))


def test_the_plugin_opens_the_database_in_one_place() -> None:
    opens = re.compile(r"PostgresHook|warehouse\.connection|psycopg\.connect\b")
    files = (REPO / "plugins").rglob("*.py")
    assert [file.name for file in files if opens.search(file.read_text())] == ["connections.py"]


def test_the_addresses_and_the_login_are_those_of_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch)
    assert job_environment() == {
        "KAFKA_URL": "broker.example:9092",
        "KAFKA_CONFIG": "",
        "POSTGRES_URL": "postgresql://db.example:5433/web_traffic",
        "POSTGRES_USER": "writer",
        "POSTGRES_PASSWORD": "secret",
        "POSTGRES_LOGIN": "password",
    }


@pytest.mark.parametrize(
    ("database", "reached"),
    [
        ({"host": "::1"}, {"host": "::1", "port": "5433"}),
        ({"host": "/run/postgresql"}, {"host": "/run/postgresql", "port": "5433"}),
        ({"host": "one.example,two.example"}, {"host": "one.example,two.example", "port": "5433,5433"}),
        ({"schema": "100 % web/traffic"}, {"dbname": "100 % web/traffic"}),
        (
            {"extra": {"sslmode": "verify-full", "sslrootcert": "/etc/my ca.pem", "cursor": "dictcursor"}},
            {"sslmode": "verify-full", "sslrootcert": "/etc/my ca.pem", "host": "db.example"},
        ),
        ({"extra": {"options": "-c search_path=etl,public"}}, {"options": "-c search_path=etl,public"}),
    ],
)
def test_whatever_is_said_of_postgres_is_used(
    monkeypatch: pytest.MonkeyPatch, database: dict[str, Any], reached: dict[str, str]
) -> None:
    connect(monkeypatch, **database)
    found = conninfo_to_dict(job_settings().postgres_url)
    assert {name: found[name] for name in reached} == reached


@pytest.mark.parametrize(
    ("kafka", "database", "said"),
    [
        ({"sasl.pasword": "secret"}, {}, "the connection kafka_default: sasl.pasword is no property of librdkafka"),
        ({"sasl.password": ["secret"]}, {}, "kafka_default: sasl.password must be a text, a number, true or false"),
        (
            {"oauth_cb": "a.module"},
            {},
            "the connection kafka_default: Refusing to resolve Kafka callback oauth_cb",
        ),
        ({"bootstrap.servers": ""}, {}, "kafka_default needs"),
        ({}, {"schema": ""}, "postgres_default needs a host and, as its schema, the name of the database"),
        ({}, {"host": ""}, "postgres_default needs a host"),
        (
            {},
            {"extra": {"iam": True, "redshift": True}},
            "postgres_default has settings in its extra field that the ETL can't use (redshift)",
        ),
        ({}, {"extra": {"sslpassword": "secret"}}, "that the ETL can't use (sslpassword)"),
    ],
)
def test_what_can_not_be_used_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, kafka: dict[str, Any], database: dict[str, Any], said: str
) -> None:
    connect(monkeypatch, kafka, **database)
    with pytest.raises(SettingsError) as refused:
        job_environment()
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


def test_what_does_no_harm_is_named_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connect(monkeypatch, {"security.protocol": "plaintext", "group.id": "me", "auto.offset.reset": "latest"})
    with caplog.at_level(logging.WARNING):
        assert dict(job_settings().kafka_config) == {"security.protocol": "plaintext", "group.id": "me"}
    assert "does not use these settings of the connection kafka_default: auto.offset.reset" in caplog.text


def test_the_whole_login_of_kafka_reaches_the_etl(monkeypatch: pytest.MonkeyPatch) -> None:
    login = {"security.protocol": "SASL_SSL", "sasl.mechanisms": "PLAIN", "sasl.username": "etl"}
    typed = {"sasl.password": "secret", "socket.timeout.ms": 9000, "socket.keepalive.enable": True}
    connect(monkeypatch, login | typed)
    texts = {"sasl.password": "secret", "socket.timeout.ms": "9000", "socket.keepalive.enable": "true"}
    assert dict(job_settings().kafka_config) == login | texts
    assert "secret" not in repr(job_settings())


def test_a_callback_is_refused_also_where_airflow_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__APACHE_KAFKA__CALLBACK_ALLOWLIST", "json.loads")
    connect(monkeypatch, {"oauth_cb": "json.loads"})
    with pytest.raises(SettingsError, match="kafka_default has oauth_cb, which only Python can call"):
        job_environment()


def test_a_connection_without_a_login_does_not_take_that_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch)
    monkeypatch.setenv("KAFKA_CONFIG", '{"client.id": "of the worker"}')
    assert dict(job_settings().kafka_config) == {}


def test_the_names_of_amazon_s_brokers_give_the_region_of_their_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, MSK)
    settings = job_settings()
    assert settings.kafka_url == MSK["bootstrap.servers"]
    assert settings.kafka_config["sasl.oauthbearer.config"] == "awsRegion=us-east-1"


def test_airflow_without_the_signer_of_amazon_s_tokens_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    connect(monkeypatch, MSK)
    with pytest.raises(SettingsError, match=r"kafka_default: Failed to import aws_msk_iam_sasl_signer.*\[msk\]"):
        job_environment()


@pytest.mark.parametrize(
    ("extra", "login"),
    [
        ({}, "password"),
        ({"iam": False}, "password"),
        ({"iam": True}, "rds-iam"),
        ({"iam": True, "aws_conn_id": "empty"}, "rds-iam"),
        ({"iam": True, "aws_conn_id": None}, "rds-iam"),
        ({"iam": True, "azure_conn_id": "empty"}, "entra"),
    ],
)
def test_tokens_are_asked_for_where_airflow_s_hook_would(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], login: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"conn_type": "aws"}))
    connect(monkeypatch, extra=extra, password="" if extra.get("iam") else "secret")
    assert job_settings().postgres_login == login


@pytest.mark.parametrize(
    ("name", "extra"),
    [("aws_default", {}), ("other", {"aws_conn_id": "other"}), ("other", {"azure_conn_id": "other"})],
)
def test_tokens_with_the_identity_of_another_connection_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, extra: dict[str, Any]
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "aws", "password": "secret"}))
    connect(monkeypatch, extra={"iam": True} | extra, password="")
    with pytest.raises(SettingsError, match=f"with the identity of the connection {name}, which Spark's processes"):
        job_environment()
