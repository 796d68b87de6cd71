"""Runs with a login and encryption are right to the row, and show nothing of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from psycopg.conninfo import conninfo_to_dict

from tests.integration.test_aggregate import EVENING, event
from tests.issuer import CLIENT_SECRET
from tests.pipeline import Pipeline
from tests.redriving import AT, redrive
from tests.restating import restate
from tests.secured import PASSWORD, USER, SecuredBroker
from tests.warm_spark import warm_session
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.kafka import describe_topic
from web_traffic.rebuild import Start
from web_traffic.source import read_between, read_stream
from web_traffic_airflow import tasks
from web_traffic_airflow.connections import job_environment

DOORS = ("by_scram", "by_certificate", "by_keystore", "by_token")


@pytest.mark.parametrize("door", DOORS)
def test_a_pipeline_that_logs_in_is_right_to_the_row(door: str, enter: Callable[[str], Pipeline]) -> None:
    pipeline = enter(door)
    pipeline.produce_traffic(5_000, seed=1, start=EVENING, end=EVENING + timedelta(hours=1))
    first = pipeline.run()
    pipeline.produce_traffic(5_000, seed=2, start=EVENING + timedelta(hours=1), end=EVENING + timedelta(hours=2))
    second = pipeline.run()
    assert (first["read"], second["read"]) == (5_000, 5_000)
    assert second["emitted"] > 0
    assert pipeline.recount().is_right
    assert sum(pipeline.windows().values()) == first["emitted"] + second["emitted"]


def test_the_connection_of_airflow_logs_in_the_gate_and_the_run(
    by_scram: Pipeline, broker: SecuredBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = by_scram.settings
    address = conninfo_to_dict(settings.postgres_url)
    kafka = {"bootstrap.servers": settings.kafka_url, "auto.offset.reset": "earliest", **broker.scram}
    postgres = {
        "conn_type": "postgres",
        **{"host": address["host"], "port": int(address["port"]), "schema": address["dbname"]},
        **{"login": settings.postgres_user, "password": settings.postgres_password},
    }
    rest = {name: value for name, value in by_scram.environment.items() if name not in ("KAFKA_URL", "KAFKA_CONFIG")}
    for name, value in rest.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", json.dumps({"conn_type": "kafka", "extra": kafka}))
    monkeypatch.setenv("AIRFLOW_CONN_POSTGRES_DEFAULT", json.dumps(postgres))
    by_scram.produce(event("00:01"), event("00:20"))
    assert tasks.ask_gate(None).must_run
    replace(by_scram, environment=rest | job_environment(run_name="a run")).run()
    assert list(by_scram.windows().values()) == [1]
    assert not tasks.ask_gate(None).must_run


@pytest.mark.parametrize("door", DOORS)
def test_neither_a_plan_nor_an_error_nor_the_settings_show_what_logs_in(
    door: str, enter: Callable[[str], Pipeline], capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline = enter(door)
    settings, spark = pipeline.settings, warm_session()
    pipeline.produce(event("00:01"))
    topic = describe_topic(settings)
    batch = read_between(spark, settings, topic.first_offsets, topic.end_offsets).load()
    assert batch.count() == 1
    batch.explain("extended")
    stream = read_stream(spark, settings, Start(None, None, {}), {})
    stream.explain("extended")
    shown = [str(stream._jdf.queryExecution().toString()), str(batch._jdf.queryExecution().toString())]
    shown += [stream._jdf.queryExecution().logical().treeString(), repr(settings), *capfd.readouterr()]
    key = settings.kafka_config.get("ssl.key.location")
    secrets = [PASSWORD[:12], CLIENT_SECRET, "LoginModule"] + (Path(key).read_text().splitlines()[1:2] if key else [])
    assert [secret for secret in secrets if secret in "".join(shown)] == []


def test_a_redrive_and_a_restatement_log_in_too(broker: SecuredBroker, by_scram: Pipeline) -> None:
    by_scram.produce(event("00:01"), event("00:07"))
    by_scram.produce(event("00:11", "early.example"), at=AT)
    assert by_scram.run()["future"] == 1
    closed = redrive(by_scram, "--reason", "from the future")
    assert closed.returncode == EXIT_NEEDS_ATTENTION
    assert "authorization failed; give the client the rights (ACLs) that it lacks" in closed.stderr
    name = by_scram.settings.kafka_topic
    rights, kind = (AclOperation.DESCRIBE, AclOperation.WRITE), ResourceType.TRANSACTIONAL_ID
    broker.allow(USER, f"web_traffic_redrive.{name}.{name}", *rights, kind=kind)
    assert redrive(by_scram, "--reason", "from the future").returncode == 0
    by_scram.produce(event("00:20"))
    by_scram.run()
    assert restate(by_scram, "00:00", "00:15")["windows_checked"] == 3
    assert sorted(host for _, host, _ in by_scram.windows()) == ["a.example", "a.example", "early.example"]
    assert by_scram.recount().is_right


def test_a_process_of_its_own_says_nothing_of_the_login(by_scram: Pipeline) -> None:
    by_scram.produce(event("00:01"))
    result = by_scram.cold.submit()
    said = result.stdout + result.stderr
    assert (result.returncode, PASSWORD[:12] in said, "LoginModule" in said) == (0, False, False)
