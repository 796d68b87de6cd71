"""The environment of Airflow's programs."""

import json
from pathlib import Path

import pytest

from local_stack import Stack, airflow


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack.create(tmp_path)


def test_the_job_writes_as_writer_the_migrations_as_owner_and_the_page_reads_as_reader(stack: Stack) -> None:
    connections = airflow.connections(stack)
    assert connections["postgres_default"]["login"] == "web_traffic_writer"
    assert connections["postgres_owner"]["login"] == "web_traffic_owner"
    assert connections["postgres_reader"]["login"] == "web_traffic_reader"


def test_connections_arrive_as_airflow_reads_them(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = airflow.environment(stack)
    assert json.loads(environment["AIRFLOW_CONN_KAFKA_DEFAULT"])["extra"]["bootstrap.servers"] == stack.kafka_url
    assert json.loads(environment["AIRFLOW_CONN_SPARK_DEFAULT"])["host"] == "local[*]"


def test_the_api_server_listens_on_loopback_only(stack: Stack) -> None:
    assert airflow.environment(stack)["AIRFLOW__API__HOST"] == "127.0.0.1"


@pytest.mark.parametrize("name", ["airflow-scheduler", "airflow-triggerer"])
def test_nobody_serves_logs_over_the_network(name: str) -> None:
    assert "--skip-serve-logs" in airflow.PROGRAMS[name][2]
