"""How fast closed windows reach the table: the ways of `sink_ways.py` take turns, each a spark-submit of its own."""

import json
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.line_up import seed_jars
from bench.loads import environment, make_database
from bench.racing import say
from bench.results import Goal, Section
from bench.servers import server_seconds
from local_stack import Stack
from local_stack.environment import PROPERTIES_FILE

WAYS = ("staged", "driver", "jdbc", "jdbc into the same table")
TARGETS = {"jdbc into the same table": "the same table", "jdbc": "a table without index or trigger"}
MEASURES = ("seconds", "jvm", "python", "postgres")
LIMIT_SECONDS = 600


def sink(stack: Stack, ways: Sequence[str] = WAYS, rows: int = 200_000, rounds: int = 5) -> Section:
    """Write the same windows in several ways; `jdbc` has a table without index or trigger, all others ours."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for number in range(rounds):
        for way in ways:
            make_database(stack, is_plain=way == "jdbc")
            runs[way].append(_write(stack, way, rows))
            say(f"  round {number + 1}, {way}: {runs[way][-1]}")
    medians = {way: [statistics.median(run[name] for run in runs[way]) for name in MEASURES] for way in ways}
    return Section(
        f"Sink: {rows:,} closed windows in a batch",
        ["way", "n", "seconds", "rows/s", "driver's JVM, MiB", "driver's Python, MiB", "PostgreSQL CPU, s"],
        [
            [way, rounds, f"{seconds:.2f}", f"{rows / seconds:,.0f}", f"{jvm:.0f}", f"{python:.0f}", f"{postgres:.1f}"]
            for way, (seconds, jvm, python, postgres) in medians.items()
        ],
        [
            Goal(
                5,
                f"rows per second against JDBC append into {target}",
                4,
                medians[way][0] / medians["staged"][0],
                is_least=True,
            )
            for way, target in TARGETS.items()
            if way in ways
        ],
        {"seconds": medians["staged"][0] / medians["jdbc"][0]},
    )


def _write(stack: Stack, way: str, rows: int) -> dict[str, float]:
    options = ["--properties-file", str(PROPERTIES_FILE), "--driver-memory", "1g", "--jars", seed_jars()]
    command = ["spark-submit", *options, str(Path(__file__).with_name("sink_ways.py")), way, str(rows)]
    before = server_seconds(stack)["postgres"]
    done = subprocess.run(
        command, env=environment(stack, "bench"), check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures | {"postgres": server_seconds(stack)["postgres"] - before}
