"""Who competes: each a program that reads the topic to its end, writes the closed windows and ends."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.contenders import install
from local_stack.jars import class_path
from local_stack.spark import submit_command
from web_traffic_airflow.operators import LARGE_RUN, SMALL_LAG, SMALL_RUN

FOLDER = Path(__file__).parent / "contenders"
EXACT = ("ours", "script")
"""Killed anywhere and started again, they count each event once: offsets and windows change in one transaction."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One of them."""

    name: str
    command: Callable[[int], list[str]] = lambda _: []
    """What to run, by the number of events that wait."""
    environment: Mapping[str, str] = field(default_factory=dict)
    is_ours: bool = False
    """It writes to the project's own schema, the others to a table without index or trigger."""
    reason: str = ""
    """Why it can't run here; empty if it can."""


def choose(*names: str) -> list[Contender]:
    """The contenders of these names."""
    own = {
        "ours": Contender("ours", ours, is_ours=True),
        "ours, rocksdb": Contender("ours, rocksdb", ours, {"STATE_STORE": "rocksdb"}, is_ours=True),
        "seed": Contender("seed", seed),
        "script": Contender("script", lambda _: [sys.executable, str(FOLDER / "script.py")]),
    }
    return [own.get(name) or _engine(name) for name in names]


def _engine(name: str) -> Contender:
    try:
        command, environment = install.prepare(name)
    except install.InstallError as error:
        return Contender(name, reason=str(error))
    return Contender(name, lambda _: command, environment)


def ours(events: int, *options: str) -> list[str]:
    """The command line that the DAG runs when that many events wait."""
    java = SMALL_RUN if events < SMALL_LAG else LARGE_RUN
    submit, *rest = submit_command()
    return [submit, "--conf", f"spark.driver.extraJavaOptions={java}", *options, *rest]


def seed(_: int) -> list[str]:
    """spark-submit with the jars that the job needs, and nothing else."""
    submit, *_ = submit_command()
    return [submit, "--jars", seed_jars(), str(FOLDER / "seed.py")]


def seed_jars() -> str:
    """The jars of the Kafka connector and of the JDBC driver."""
    driver = [jar for jar in install.jars() if jar.name.startswith("postgresql-")]
    return ",".join(str(jar) for jar in (*class_path("spark"), *driver))
