"""PostgreSQL lets in by tokens: each connection brings one of its own, made by the real libraries of both clouds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from local_stack import Stack
from local_stack.environment import LOOPBACK
from tests import iam
from tests.integration.test_aggregate import EVENING
from tests.pipeline import Pipeline, make_pipeline
from tests.token_gate import Gate, Identities, age_of_rds_token, flaw_of_rds_token, token_gate
from web_traffic.causes import explain
from web_traffic.settings import Settings
from web_traffic.warehouse import tokens
from web_traffic.warehouse.connection import connect

FRESH = 3
"""Seconds for which the gate takes a token: runs take longer, so a token that is used again is refused."""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """The clients are made once in a process; each test has an identity of its own."""
    yield
    for made in (tokens._rds, tokens._credential):
        made.cache_clear()


@pytest.fixture
def direct(stack: Stack, tmp_path: Path, numbers: Iterator[int]) -> Pipeline:
    return make_pipeline(stack, f"tokens_{next(numbers)}", tmp_path / "checkpoint")


def through(gate: Gate, pipeline: Pipeline, login: str, **environment: str) -> Pipeline:
    """Let each process of a pipeline log in by tokens, at a gate without TLS."""
    url = f"postgresql://{LOOPBACK}:{gate.port}/{pipeline.settings.kafka_topic}?sslmode=disable"
    own = {"POSTGRES_URL": url, "POSTGRES_LOGIN": login, "POSTGRES_PASSWORD": "", **environment}
    return replace(pipeline, environment=pipeline.environment | own)


@pytest.fixture
def of_amazon(stack: Stack, direct: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Gate, Pipeline]]:
    identity = iam.IDENTITY | {"AWS_DEFAULT_REGION": iam.REGION, "AWS_EC2_METADATA_DISABLED": "true"}
    for name, value in identity.items():
        monkeypatch.setenv(name, value)

    def check(user: str, token: str) -> str | None:
        if age_of_rds_token(token) > FRESH:
            return "the token has expired"
        return flaw_of_rds_token(token, user, f"{LOOPBACK}:{gate.port}", iam.KEY, iam.SECRET, iam.REGION)

    with token_gate(stack, direct.settings.kafka_topic, check) as gate:
        yield gate, through(gate, direct, "rds-iam", **identity)


@pytest.fixture
def of_azure(stack: Stack, direct: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Gate, Pipeline]]:
    with Identities("known") as identities:
        Thread(target=identities.serve_forever, daemon=True).start()
        for name, value in identities.environment.items():
            monkeypatch.setenv(name, value)

        def check(_: str, token: str) -> str | None:
            return None if identities.valid.pop(token, None) else "the token is unknown, or was used before"

        with token_gate(stack, direct.settings.kafka_topic, check) as gate:
            yield gate, through(gate, direct, "entra", **identities.environment)
        identities.shutdown()


@pytest.mark.parametrize("cloud", ["of_amazon", "of_azure"])
def test_runs_whose_every_connection_brings_a_token_are_right_to_the_row(
    cloud: str, request: pytest.FixtureRequest
) -> None:
    gate, pipeline = request.getfixturevalue(cloud)
    pipeline.produce_traffic(2_000, seed=1, start=EVENING, end=EVENING + timedelta(hours=1))
    pipeline.produce(b"no JSON")
    first = pipeline.cold.run()
    assert first["read"] == 2_001
    assert pipeline.query("SELECT count(*) FROM etl.rejected_event") == [(first["rejected"] + first["future"],)]
    assert sum(pipeline.windows().values()) == first["emitted"] > 0
    assert pipeline.recount().is_right
    # Driver, locks, the tasks that stage windows, the one that keeps rejected events, and this process.
    assert len(gate.tokens) > 6


def test_a_login_by_token_goes_over_tls_unless_told_otherwise(of_amazon: tuple[Gate, Pipeline]) -> None:
    gate, pipeline = of_amazon
    url = pipeline.environment["POSTGRES_URL"].removesuffix("?sslmode=disable")
    with pytest.raises(psycopg.OperationalError, match="server does not support SSL"):
        connect(Settings.from_environment(pipeline.environment | {"POSTGRES_URL": url}))
    assert gate.tokens == []


def test_a_token_that_the_server_refuses_needs_a_person(
    of_amazon: tuple[Gate, Pipeline], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, pipeline = of_amazon
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(psycopg.OperationalError) as refusal:
        pipeline.connect()
    failure = explain(refusal.value)
    assert failure.needs_attention
    assert "PAM authentication failed for user" in failure.line
    assert iam.KEY not in failure.line


def test_without_an_identity_the_error_is_that_of_the_cloud(
    direct: Pipeline, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in iam.IDENTITY:
        monkeypatch.delenv(name, raising=False)
    login = direct.environment | {"POSTGRES_LOGIN": "rds-iam", "POSTGRES_PASSWORD": ""}
    with pytest.raises(psycopg.OperationalError, match=r"AWS gives no token .*: You must specify a region"):
        connect(Settings.from_environment(login))
    monkeypatch.setenv("AWS_DEFAULT_REGION", iam.REGION)
    with pytest.raises(psycopg.OperationalError, match=r"AWS gives no token .*: Unable to locate credentials"):
        connect(Settings.from_environment(login))
