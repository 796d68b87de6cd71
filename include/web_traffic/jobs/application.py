"""What the Spark applications have in common: how they start Spark, and how they end."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import psycopg
from pyspark.sql import SparkSession

from web_traffic.errors import EXIT_NEEDS_ATTENTION, NeedsAttention
from web_traffic.kafka import KafkaUnavailable
from web_traffic.settings import Settings
from web_traffic.warehouse.ledger import Summary


def start_session(settings: Settings) -> SparkSession:
    """Start Spark with the settings that the result depends on; the others are the deployment's (spark-defaults)."""
    spark = (
        SparkSession.builder.appName("web_traffic")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.adaptive.enabled", "false")  # not supported on streams
        .config("spark.sql.shuffle.partitions", settings.shuffle_partitions)
        # Short runs would only ever write deltas: a snapshot is the work of the unloading of a state store.
        .config("spark.sql.streaming.stateStore.unloadOnCommit", "true")
        # What runs that were killed before their books can need of the past; the rest is files to list, for ever more.
        .config("spark.sql.streaming.minBatchesToRetain", 30)
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 3000)
        .config("spark.python.unix.domain.socket.enabled", "true")
        .config("spark.python.daemon.module", "web_traffic.worker_daemon")
        .getOrCreate()
    )
    Thread(target=start_workers, args=[spark], daemon=True).start()
    return spark


def start_workers(spark: SparkSession) -> None:
    """Start the Python workers by a job of no consequence: they take a second, in which the driver makes its plan."""
    spark.range(1).mapInArrow(lambda batches: batches, "id long").write.format("noop").mode("overwrite").save()


@contextmanager
def timed(phases: dict[str, float], phase: str) -> Iterator[None]:
    """Note the seconds that a phase takes."""
    begin = time.monotonic()
    yield
    phases[phase] = round(time.monotonic() - begin, 3)


def run(work: Callable[[], Summary]) -> None:
    """Do the work and print its summary as the last line; what a person has to put right ends in one line as well."""
    try:
        summary = work()
    except NeedsAttention as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(EXIT_NEEDS_ATTENTION)
    except (psycopg.OperationalError, KafkaUnavailable) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    sys.stdout.write(json.dumps(summary) + "\n")
