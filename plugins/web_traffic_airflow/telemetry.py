"""Sends the metrics of the page by OpenTelemetry's protocol, OTLP, if the environment says where to.

The page has the metrics when somebody asks; this sends them when a run has ended, also if that has failed.
"""

import logging
import os
from typing import TYPE_CHECKING

import psycopg

from web_traffic_airflow.connections import open_database

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

log = logging.getLogger(__name__)
SERVICE = "web-traffic"


def send_metrics() -> None:
    """Send them, if an endpoint is set; the log says so if nobody takes them. Never raises for that.

    OpenTelemetry's own variables say how. `OTEL_EXPORTER_OTLP_TIMEOUT` bounds how long it may take.
    """
    environ = os.environ
    if not (environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")):
        return
    protocol = environ.get("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in (None, "", "http/protobuf"):
        log.warning("metrics are not sent: the ETL speaks OTLP by http/protobuf, not by %s", protocol)
        return
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import MetricExportResult

    try:
        data = _measured()
    except psycopg.Error as error:
        log.warning("metrics are not sent, because the database does not answer: %s", error)
        return
    if data is None:  # OTEL_SDK_DISABLED
        return
    exporter = OTLPMetricExporter()
    result = exporter.export(data)
    exporter.shutdown()
    if result is MetricExportResult.SUCCESS:
        log.info("metrics sent by OTLP")
    else:
        log.warning("metrics were not taken: look at the OTEL_EXPORTER_OTLP_… variables and at the collector")


def _measured() -> "MetricsData | None":
    """Return the metrics of the page as gauges of a provider of their own; Airflow's own metrics go their way."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    from web_traffic.page.metrics import PREFIX, known_families

    reader = InMemoryMetricReader()
    resource = Resource({"service.name": SERVICE}).merge(OTELResourceDetector().detect())
    provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    meter = provider.get_meter(SERVICE)
    with open_database() as connection:
        for name, about, samples in known_families(connection):
            gauge = meter.create_gauge(f"{PREFIX}{name}", description=about)
            for labels, value in samples:
                gauge.set(value, labels)
    data = reader.get_metrics_data()
    provider.shutdown()
    return data
