"""Faults of the network to PostgreSQL and Kafka, made by a proxy."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from local_stack import Stack
from local_stack.environment import Ports
from tests.faults.brokers import running_brokers
from tests.faults.cell import Cell, NotHere
from tests.faults.proxy import Proxy
from tests.faults.stopped import StoppedRun, stopped_at
from tests.faults.trial import Trial

POSTGRES_POINT, KAFKA_POINT = "before begin", "offsets logged"


@contextmanager
def proxy_to_postgres(stack: Stack, folder: Path) -> Iterator[tuple[Proxy, Mapping[str, str]]]:
    proxy = Proxy(stack.ports.postgres, _address_of(stack.ports.postgres))
    try:
        yield proxy, {"POSTGRES_URL": f"postgresql://{proxy.address}:{proxy.port}/<name>"}
    finally:
        proxy.close()


@contextmanager
def proxy_to_kafka(stack: Stack, folder: Path) -> Iterator[tuple[Proxy, Mapping[str, str]]]:
    """Run a broker that clients reach through the proxy alone."""
    port = Ports.free().kafka
    proxy = Proxy(port, _address_of(port))
    url = f"{proxy.address}:{proxy.port}"
    try:
        with running_brokers(folder / "brokers", 1, advertised=url, port=port):
            yield proxy, {"KAFKA_URL": url}
    finally:
        proxy.close()


def _address_of(port: int) -> str:
    """Return an address of the loopback network that nobody else uses."""
    return f"127.9.{port >> 8}.{port & 255}"


def answer_of_commit_is_lost(trial: Trial) -> None:
    """Let a batch be committed, and cut the connection before the answer; the run's first batch, or its second."""
    trial.tool.cut_commit(1 + trial.seed % 2)
    trial.was_seen = trial.pipeline.submit().returncode == 1
    assert trial.tool.cuts == 1


def answers_come_late(trial: Trial) -> None:
    """Slow down every packet by 5 to 20 ms each way, for a whole run."""
    trial.tool.latency_seconds = trial.random.uniform(0.005, 0.02)
    trial.pipeline.run()
    trial.tool.latency_seconds = 0.0
    trial.produce(10_000, hour=2)


def connections_are_reset(point: str, trial: Trial) -> None:
    """Reset all connections in the middle of a batch."""
    with stopped_at(trial.pipeline, point) as run:
        trial.tool.reset()
        end(run, trial)


def connections_are_half_open(point: str, trial: Trial) -> None:
    """Let the server forget all connections in the middle of a batch; the client finds out when it asks."""
    with stopped_at(trial.pipeline, point) as run:
        trial.tool.forget()
        end(run, trial)


def packets_are_dropped(point: str, trial: Trial) -> None:
    """Drop all packets in the middle of a batch, until the run has given up."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        raise NotHere("dropping packets needs root and the command ip")
    with stopped_at(trial.pipeline, point) as run, trial.tool.black_hole():
        end(run, trial)
    trial.tool.reset()


def end(run: StoppedRun, trial: Trial) -> None:
    run.go_on()
    trial.was_seen = run.wait()[0] != 0


CELLS = (
    Cell("N1", "PostgreSQL: answer of COMMIT lost", answer_of_commit_is_lost, 30, proxy_to_postgres),
    Cell("N2", "PostgreSQL: latency", answers_come_late, around=proxy_to_postgres),
    Cell("N3", "PostgreSQL: connections reset", partial(connections_are_reset, POSTGRES_POINT), 5, proxy_to_postgres),
    Cell("N4", "PostgreSQL: half-open", partial(connections_are_half_open, POSTGRES_POINT), 5, proxy_to_postgres),
    Cell("N5", "PostgreSQL: black hole", partial(packets_are_dropped, POSTGRES_POINT), 5, proxy_to_postgres),
    Cell("N6", "Kafka: latency", answers_come_late, around=proxy_to_kafka),
    Cell("N7", "Kafka: connections reset", partial(connections_are_reset, KAFKA_POINT), 5, proxy_to_kafka),
    Cell("N8", "Kafka: half-open", partial(connections_are_half_open, KAFKA_POINT), 5, proxy_to_kafka),
    Cell("N9", "Kafka: black hole", partial(packets_are_dropped, KAFKA_POINT), 5, proxy_to_kafka),
)
