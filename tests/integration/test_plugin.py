"""What the plugin's tasks and callbacks do to the real PostgreSQL and Kafka, called as Airflow calls them."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.pipeline import Pipeline
from tests.redriving import reject, valid_events, values
from web_traffic.warehouse.ledger import run_summary
from web_traffic_airflow import alerts, tasks
from web_traffic_airflow.connections import open_database

MIDNIGHT = "scheduled__2026-03-29T00:00:00+00:00"


@pytest.fixture(autouse=True)
def connections(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the connections of Airflow as an administrator may do: by environment."""
    settings = pipeline.settings
    for name, value in pipeline.environment.items():
        monkeypatch.setenv(name, value)
    address = conninfo_to_dict(settings.postgres_url)
    database = {"conn_type": "postgres", "host": address["host"], "schema": address["dbname"]}
    login = {"login": settings.postgres_user, "password": settings.postgres_password, "port": int(address["port"])}
    kafka = {"conn_type": "kafka", "extra": {"bootstrap.servers": settings.kafka_url}}
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps(database | login))
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", json.dumps(kafka))


def run(dag_id: str) -> Any:
    return SimpleNamespace(dag_id=dag_id, run_id=MIDNIGHT, run_type="manual")


def test_a_message_shows_the_books_of_a_run_of_its_own_dag(pipeline: Pipeline) -> None:
    with pipeline.connect() as connection:
        for name, read in ((MIDNIGHT, 1), (f"web_traffic/{MIDNIGHT}", 2)):  # the first one is of an older version
            connection.execute("INSERT INTO etl.run (name, status, read) VALUES (%s, 'succeeded', %s)", (name, read))
    books = alerts._books(run("web_traffic"))
    assert books is not None
    assert books["read"] == 2
    assert alerts._books(run("web_traffic_restatement")) is None


def test_a_run_sends_rejected_events_back_in_its_own_name(pipeline: Pipeline) -> None:
    events = valid_events(2)
    reject(pipeline, *events)
    params = {"redrive_reasons": ["from the future"], "redrive_since": None}
    assert tasks.redrive.function(params=params, dag_run=run("web_traffic")) == "new_offsets"
    assert values(pipeline) == sorted(events)
    [(selector,)] = pipeline.query("SELECT selector FROM etl.redrive")
    assert selector.startswith(f"web_traffic/{MIDNIGHT}: ")


def test_the_gate_of_the_dag_answers_from_database_and_broker(pipeline: Pipeline) -> None:
    assert tasks.new_offsets.function(params=None) is None
    reject(pipeline, *valid_events(1))
    assert tasks.new_offsets.function(params=None) is None
    asked = {"rebuild_checkpoint": True, "accept_data_loss": False}
    assert tasks.new_offsets.function(params=asked)["reason"] == "a person asked for it"
    pipeline.produce(*valid_events(1))
    assert tasks.new_offsets.function(params=None)["lag"] == 1


def enter_a_run_and_break() -> None:
    with open_database() as connection:
        connection.execute("INSERT INTO etl.run (name) VALUES ('a run')")
        raise RuntimeError("it broke")


def test_what_a_block_has_written_is_taken_back_if_it_fails() -> None:
    with pytest.raises(RuntimeError):
        enter_a_run_and_break()
    with open_database() as connection:
        assert run_summary(connection, "a run") is None
