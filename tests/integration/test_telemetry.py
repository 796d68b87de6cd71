"""Metrics by OTLP: a collector gets what the books say, and nobody waits long for one that is not there."""

import logging
import socket
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.collecting import Collector, collecting
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from web_traffic.page.asking import reading
from web_traffic.page.metrics import metrics
from web_traffic.settings import Settings
from web_traffic_airflow import telemetry

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as server:
        yield server


@pytest.fixture
def asked(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """Return a pipeline whose database is the one of the tasks."""
    monkeypatch.setattr(telemetry, "open_database", pipeline.connect)
    return pipeline


def in_text(pipeline: Pipeline) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what Prometheus would get, in the form of the collector."""
    with reading(Settings.from_environment(pipeline.environment)) as connection:
        lines = [line for line in metrics(connection).splitlines() if not line.startswith("#")]
    found = {}
    for line in lines:
        sample, value = line.rsplit(" ", 1)
        name, _, labels = sample.rstrip("}").partition("{")
        parts = (part.split("=") for part in labels.split(",") if part)
        found[name, frozenset((key, text.strip('"')) for key, text in parts)] = float(value)
    return found


def test_a_collector_gets_the_books_and_all_that_prometheus_gets(
    asked: Pipeline, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked.produce(event("00:01"), event("00:02"), event("00:08", "b.example"), b"no event", event("00:16"))
    asked.run()
    monkeypatch.setenv(ENDPOINT, collector.url)
    with caplog.at_level(logging.INFO):
        telemetry.send_metrics()
    assert "metrics sent by OTLP" in caplog.text
    assert collector.service == "web-traffic"
    figures = ("read", "rejected", "late", "emitted", "open_after")
    [books] = asked.query(f"SELECT {', '.join(figures)} FROM etl.run")
    assert books[:2] == (5, 1)
    for figure, events in zip(figures, books, strict=True):
        assert collector.found["web_traffic_run_events", frozenset({("figure", figure)})] == events
    assert collector.found == in_text(asked)


def test_the_name_of_the_service_is_the_users(
    asked: Pipeline, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{collector.url}/v1/metrics")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    telemetry.send_metrics()
    assert collector.service == "shop"


def test_a_collector_that_never_answers_is_given_up_in_time_and_the_log_says_so(
    asked: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes the connection, and says nothing
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        began = monotonic()
        telemetry.send_metrics()
        assert monotonic() - began < 4
    assert "metrics were not taken" in caplog.text


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "localhost:4318", "http://[::1"])
def test_an_endpoint_that_does_not_work_fails_nothing(
    asked: Pipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, endpoint: str
) -> None:
    monkeypatch.setenv(ENDPOINT, endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    telemetry.send_metrics()
    assert "metrics were not taken" in caplog.text


def test_another_protocol_is_refused_by_name(
    asked: Pipeline, collector: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(ENDPOINT, collector.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    telemetry.send_metrics()
    assert "not by grpc" in caplog.text
    assert collector.found == {}


def test_without_an_endpoint_nothing_is_asked_or_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    monkeypatch.setattr(telemetry, "open_database", lambda: pytest.fail("the database was asked"))
    telemetry.send_metrics()
