"""A collector of metrics by OTLP, for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


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


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a free port."""
    with Collector() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
