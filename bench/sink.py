"""Compare ways to bring a batch of closed windows to PostgreSQL: rows per second, and memory of the driver.

With the stack up (`make up`): `python bench/sink.py --rows 200000`. Each measurement is a spark-submit of its own that
writes the same windows into the result table of a fresh database; the ways take turns.

- staged: what the project does: tasks COPY into a staging table, one transaction moves the rows
- driver: the driver fetches the rows with toLocalIterator and COPYs them in one transaction
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

WAYS = ("staged", "driver")
COPY_WINDOWS = "COPY aggregated_web_traffic (window_start, window_end, host, referrer, num_hits) FROM STDIN BINARY"


def compare(rows: int, rounds: int) -> None:
    """Run every way in turns and print the medians."""
    from local_stack import Stack
    from local_stack.environment import PROPERTIES_FILE
    from local_stack.spark import submit_environment

    stack = Stack.load()
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS:
            environment = submit_environment(stack) | make_database(stack)
            command = ["spark-submit", "--properties-file", str(PROPERTIES_FILE), "--driver-memory", "1g", __file__]
            command += ["--rows", str(rows), "--way", way]
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=600)
            results[way].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"round {number + 1}, {way}: {results[way][-1]}", file=sys.stderr)
    print(f"{rows:,} rows, medians of {rounds}\n\n| way | seconds | rows/s | driver JVM, MiB | driver Python, MiB |")
    print("|---|---|---|---|---|")
    for way, runs in results.items():
        seconds, jvm, python = (statistics.median(run[name] for run in runs) for name in ("seconds", "jvm", "python"))
        print(f"| {way} | {seconds:.2f} | {rows / seconds:,.0f} | {jvm:.0f} | {python:.0f} |")


def make_database(stack: "Stack") -> dict[str, str]:  # type: ignore[name-defined]  # noqa: F821
    """Make a fresh database `bench` and return the environment that leads to it."""
    import psycopg

    from local_stack.postgres import make_warehouse
    from web_traffic.settings import Settings
    from web_traffic.warehouse.connection import connect
    from web_traffic.warehouse.migrate import migrate

    secrets, port = stack.secrets, stack.ports.postgres
    admin = f"postgresql://postgres:{secrets.postgres_admin}@127.0.0.1:{port}/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
    make_warehouse(stack, "bench")
    environment = {"POSTGRES_URL": stack.postgres_url.removesuffix("web_traffic") + "bench"}
    owner = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": secrets.postgres_owner}
    with connect(Settings.from_environment(environment | owner)) as connection:
        migrate(connection)
    return environment


def measure(way: str, rows: int) -> dict[str, float]:
    """Write that many windows in one way, within this Spark application."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    from web_traffic.checkpoint import Batch
    from web_traffic.settings import Settings
    from web_traffic.warehouse.connection import connect
    from web_traffic.warehouse.ledger import RunLedger
    from web_traffic.warehouse.sink import write_batch

    spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    start = F.timestamp_seconds(F.lit(1_774_785_600) + 300 * (F.col("id") % 12))
    windows = spark.range(0, rows, 1, 2).select(
        start.alias("window_start"),
        (start + F.expr("interval 5 minutes")).alias("window_end"),
        F.concat(F.lit("host-"), F.col("id") % 60, F.lit(".example")).alias("host"),
        F.concat(F.lit("https://referrer.example/some/page/"), "id").alias("referrer"),
        (F.col("id") % 100 + 1).alias("num_hits"),
    )
    windows.limit(1).mapInArrow(lambda batches: batches, windows.schema).collect()  # Python workers are up
    settings = Settings.from_environment()
    with connect(settings) as connection:
        run = RunLedger(connection, "bench")
    begin = time.monotonic()
    if way == "staged":
        write_batch(windows, Batch(uuid4(), 0, datetime.now(UTC), {}, {}, None), run.run_id, settings)
    else:
        with connect(settings) as connection, connection.cursor().copy(COPY_WINDOWS) as copy:
            copy.set_types(("timestamp", "timestamp", "text", "text", "int8"))  # Spark's rows come without a zone
            for row in windows.toLocalIterator():
                copy.write_row(row)
    seconds = time.monotonic() - begin
    with connect(settings) as connection:
        [(found,)] = connection.execute("SELECT count(*) FROM aggregated_web_traffic").fetchall()
    assert found == rows
    peak = next(line for line in Path(f"/proc/{os.getppid()}/status").read_text().splitlines() if "VmHWM" in line)
    python = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "jvm": int(peak.split()[1]) / 1024, "python": python / 1024}


def main() -> None:
    """Compare, or measure one way when spark-submit has started this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="closed windows of the batch (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way (default: %(default)s)")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options.way, options.rows)))
    else:
        compare(options.rows, options.rounds)


if __name__ == "__main__":
    main()
