"""What the Spark applications have in common: how they start Spark, and how they end."""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from web_traffic.causes import explain
from web_traffic.errors import CAUSE_FILE, EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN, SettingsError
from web_traffic.jobs.scratch import own_folder
from web_traffic.kafka_iam import HANDLER, JAR, REGION_PROVIDER
from web_traffic.kafka_login import java_options
from web_traffic.parcel import PYTHONPATH, is_packed, pack_code
from web_traffic.settings import MEMORY, ROCKSDB, Settings
from web_traffic.warehouse.ledger import Summary

SOCKETS = "spark.python.unix.domain.socket.dir"
REDACTED = "spark.redaction.regex"
SECRETS = r"(?i)secret|password|token|access[.]?key|credential|jaas|keystore[.]key|[.]pem"
"""Spark's own expression, and the names under which Spark's Kafka client has what logs in."""
STATE_STORE = "spark.sql.streaming.stateStore.providerClass"
STATE_STORES = {
    MEMORY: "org.apache.spark.sql.execution.streaming.state.HDFSBackedStateStoreProvider",
    ROCKSDB: "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
}
SHORT_FOLDER = "/tmp"  # noqa: S108  the names of sockets are random, and only their user can write to them
COMPILED = "spark.sql.codegen.wholeStage"
WORTH_COMPILING = 200_000
"""With fewer records, Spark's stages end before it pays off to compile them."""
LONGEST_FOLDER_OF_SOCKETS = 60
"""In characters: the path of a socket has at most 107, and Spark's name for one takes 42."""


def start_session(settings: Settings, records: int) -> SparkSession:
    """Start Spark for about this many records.

    It sets what the result depends on, and what the number of records decides; the rest is the deployment's
    (spark-defaults).

    Raises `SettingsError` when Spark's Kafka client could not log in as the settings say, or when a property names
    another state store than they do.
    """
    options = java_options(settings.kafka_config)
    state_store = STATE_STORES[settings.state_store]
    if SparkConf().get(STATE_STORE, state_store) != state_store:
        raise SettingsError(f"STATE_STORE chooses the state store: take {STATE_STORE} out of Spark's properties")
    builder: SparkSession.Builder = SparkSession.builder
    if SparkContext._active_spark_context is None:  # noqa: SLF001  sessions are known to their own thread only
        builder = builder.config(map=make_own_folders())
    spark = (
        builder.appName("web_traffic")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.adaptive.enabled", "false")  # not supported on streams
        .config("spark.sql.shuffle.partitions", settings.shuffle_partitions)
        # Spark writes a snapshot when it unloads a state store; short runs would write nothing but deltas.
        .config("spark.sql.streaming.stateStore.unloadOnCommit", "true")
        .config(STATE_STORE, state_store)
        # Enough batches for the next run to close the books of killed runs; more would only slow directory listings.
        .config("spark.sql.streaming.minBatchesToRetain", 30)
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", 3000)
        # A Python worker holds several copies of a batch whose records it rejects. Usual batches take 2 MB.
        .config("spark.sql.execution.arrow.maxBytesPerBatch", 16 * 1024 * 1024)
        .config("spark.python.unix.domain.socket.enabled", "true")
        .config("spark.python.daemon.module", "web_traffic.worker_daemon")
        # The traceback of a worker names what caused its error.
        .config("spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled", "false")
        # A task that ran out of memory fails and says so. By default the JVM exits before anybody reads why.
        .config("spark.executor.killOnFatalError.depth", 0)
        .config(REDACTED, redacted(SparkConf().get(REDACTED)))
        .config(COMPILED, SparkConf().get(COMPILED, str(records >= WORTH_COMPILING).lower()))
        .getOrCreate()
    )
    if options.get("sasl.login.callback.handler.class") == HANDLER:
        require_jar_of_iam()
    send_code(spark.sparkContext)
    Thread(target=start_workers, args=[spark], daemon=True).start()
    return spark


def require_jar_of_iam() -> None:
    """Raise `SettingsError` if Spark's Kafka client lacks the classes that make tokens of IAM."""
    jvm: Any = SparkContext._jvm  # noqa: SLF001  Spark has no other way
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    if loader.getResource(f"{REGION_PROVIDER.replace('.', '/')}.class") is None:
        raise SettingsError(
            f"a login to Kafka by IAM needs the jar {JAR} or a later one: name it in spark.jars or "
            "spark.jars.packages of Spark's properties, beside Spark's Kafka connector"
        )


def redacted(own: str | None) -> str:
    """Return the expression for what Spark's pages, plans and logs must not show, a deployment's own included."""
    if own is None:
        return SECRETS
    return own if SECRETS in own else f"{SECRETS}|{own}"


def make_own_folders() -> dict[str, Any]:
    """Give this run its own folders for the driver's temporary files, and return Spark's properties for them.

    On a cluster, the cluster cleans the folders of the executors.
    """
    SparkContext._ensure_initialized()  # noqa: SLF001  the JVM runs already, without a context; Spark has no other way
    jvm: Any = SparkContext._jvm  # noqa: SLF001
    temporary = jvm.java.lang.System.getProperty("java.io.tmpdir")
    own_already = jvm.org.apache.spark.util.ShutdownHookManager.hasShutdownDeleteDir
    made_by_submit = [
        folder for folder in Path(temporary).glob("spark-*") if own_already(jvm.java.io.File(str(folder)))
    ]
    own = own_folder(Path(temporary), made_by_submit)
    jvm.java.lang.System.setProperty("java.io.tmpdir", str(own))
    conf, properties = SparkConf(), {}
    given, master = conf.get("spark.local.dir"), conf.get("spark.master") or ""
    if not conf.contains(SOCKETS):
        if master == "yarn":  # its containers have long paths, on each machine
            properties[SOCKETS] = SHORT_FOLDER
        elif len(str(own)) > LONGEST_FOLDER_OF_SOCKETS:
            properties[SOCKETS] = temporary
    if given and master.startswith("local"):
        properties["spark.local.dir"] = ",".join(str(own_folder(Path(folder))) for folder in given.split(","))
    return properties


def send_code(context: SparkContext) -> None:
    """Let the workers of a cluster find this package, and send it, unless it was itself sent: Spark sends that on."""
    master = str(context.master)
    if master.startswith("local"):
        return
    if not is_packed():
        jvm: Any = context._jvm  # noqa: SLF001
        context.addFile(str(pack_code(Path(jvm.java.lang.System.getProperty("java.io.tmpdir")))))
    paths = (PYTHONPATH, context.environment.get("PYTHONPATH"))
    context.environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)


def start_workers(spark: SparkSession) -> None:
    """Start the Python workers by an empty job: they take a second, and the driver makes its plan meanwhile."""
    spark.range(1).mapInArrow(lambda batches: batches, "id long").write.format("noop").mode("overwrite").save()


@contextmanager
def timed(phases: dict[str, float], phase: str) -> Iterator[None]:
    """Note the seconds that a phase takes."""
    begin = time.monotonic()
    yield
    phases[phase] = round(time.monotonic() - begin, 3)


def run(work: Callable[[], Summary]) -> None:
    """Do the work and print its summary as the last line; an error ends in one line, too.

    That line goes into the file that `errors.CAUSE_FILE` names as well.
    """
    try:
        summary = work()
    except Exception as error:  # noqa: BLE001  the process ends here, whatever it was
        failure = explain(error)
        if not failure.is_understood:
            traceback.print_exc()
        sys.stderr.write(f"{failure.line}\n")
        if file := os.environ.get(CAUSE_FILE):
            with suppress(OSError):  # the line stands in the log, too
                Path(file).write_text(failure.line)
        sys.exit(EXIT_NEEDS_ATTENTION if failure.needs_attention else EXIT_TRY_AGAIN)
    sys.stdout.write(json.dumps(summary) + "\n")
