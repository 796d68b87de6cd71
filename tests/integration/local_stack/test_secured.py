"""A plain stack that is secured: the same data, and a run of its DAG with TLS and logins all the way."""

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from local_stack import Stack, StackError, airflow, running, up
from local_stack.jars import bring_jars
from local_stack.spark import submit_environment
from tests.integration.local_stack.observe import files_with_a_secret, texts_that_others_see
from tests.pipeline import Pipeline
from web_traffic.errors import KafkaRefused
from web_traffic.kafka import describe_topic, ensure_topic
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def secured(home: Path) -> Iterator[Stack]:
    """Send traffic to a plain stack, and start it again as a secured one."""
    bring_jars("postgres")
    folder = home / "secured"
    shutil.rmtree(folder, ignore_errors=True)  # in another order of the tests it may have been here before
    plain = Stack.create(folder)
    with running(plain, "postgres", "kafka"):
        pipeline = pipeline_of(plain)
        ensure_topic(pipeline.settings)
        now = datetime.now(UTC)
        pipeline.produce_traffic(2_500, seed=1, start=now - 2 * HOUR, end=now - HOUR)
        stack = plain.switch(is_secure=True)
        with pytest.raises(
            StackError, match=r"runs with other settings than .*\.env or this shell has: run `make down`"
        ):
            up(stack, "postgres", "kafka")
    with running(stack, "postgres", "kafka"):
        yield stack


def pipeline_of(stack: Stack) -> Pipeline:
    return Pipeline(submit_environment(stack), stack.secrets.postgres_owner)


def test_a_client_without_tls_comes_in_nowhere(secured: Stack) -> None:
    plain = dataclasses.replace(secured, is_secure=False)
    without_tls = {"POSTGRES_URL": f"{plain.postgres_url}?sslmode=disable"}
    settings = Settings.from_environment(plain.job_environment() | without_tls)
    with pytest.raises(KafkaRefused, match=r"this listener speaks SASL_SSL, and security.protocol is PLAINTEXT"):
        describe_topic(settings)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(settings)


def test_airflow_counts_the_traffic_of_before_and_after_to_the_row(secured: Stack) -> None:
    pipeline = pipeline_of(secured)
    now = datetime.now(UTC)
    pipeline.produce_traffic(2_500, seed=2, start=now - HOUR, end=now)
    airflow.prepare(secured)
    run = [str(Path(sys.prefix, "bin", "airflow")), "dags", "test", "web_traffic"]
    environment = secured.process_environment() | airflow.environment(secured)
    with (secured.log_folder / "airflow-dags-test.log").open("w") as log:
        subprocess.run(run, env=environment, stdout=log, stderr=subprocess.STDOUT, check=True, timeout=180)
    assert pipeline.query("SELECT status, read FROM etl.run") == [("succeeded", 5_000)]
    assert pipeline.query("SELECT count(*) > 0 FROM etl.quality_result") == [(True,)]
    # As a person does it, with the addresses and logins of .env.
    recount = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "set -a && . ./.env && set +a && web-traffic recount"],
        cwd=secured.home,
        env={"PATH": f"{Path(sys.prefix, 'bin')}:/usr/bin:/bin"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert recount.returncode == 0, recount.stdout + recount.stderr
    assert "RIGHT: all" in recount.stdout


def test_no_secret_of_it_shows(secured: Stack) -> None:
    seen = texts_that_others_see(secured)
    assert [text for text in seen if any(secret in text for secret in dataclasses.astuple(secured.secrets))] == []
    holders = files_with_a_secret(secured)
    with_login = {"server.properties", "kafka-client.properties"}
    assert with_login <= holders.keys()
    assert set(holders.values()) == {0o600}
