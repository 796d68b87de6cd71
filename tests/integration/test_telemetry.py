"""Metrics by OTLP: a collector gets what the books say, and nobody waits long for one that is not there."""

import logging
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from time import monotonic

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from web_traffic.page.asking import reading
from web_traffic.page.metrics import metrics
from web_traffic.settings import Settings
from web_traffic_airflow import telemetry

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Collector(HTTPServer):
    """Takes metrics by OTLP, and keeps them by name and labels."""

    def __init__(self) -> None:
        self.service, self.found = "", dict[tuple[str, frozenset[tuple[str, str]]], float]()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, request: ExportMetricsServiceRequest) -> None:
        [resource] = request.resource_metrics
        [self.service] = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
        for metric in resource.scope_metrics[0].metrics:
            for point in metric.gauge.data_points:
                labels = frozenset((one.key, one.value.string_value) for one in point.attributes)
                self.found[metric.name, labels] = point.as_double or float(point.as_int)


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/metrics"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.take(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


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
