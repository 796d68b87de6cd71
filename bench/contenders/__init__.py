"""Who competes: each a program that reads the topic to its end, writes the closed windows and ends."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.environment import PROPERTIES_FILE
from local_stack.jars import class_path
from local_stack.spark import APPLICATION, submit_command
from web_traffic_airflow.operators import LARGE_RUN, SMALL_LAG, SMALL_RUN

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Contender:
    """One of them."""

    name: str
    title: str
    command: Callable[[int], list[str]]
    """What to run, by the number of events that wait."""
    environment: Mapping[str, str] = field(default_factory=dict)
    is_ours: bool = False
    """It writes to the project's own schema, the others to a table without index or trigger."""
    writes_jdbc_url: bool = True


def ours(events: int, *options: str, application: Path = APPLICATION) -> list[str]:
    """The command line that the DAG runs when that many events wait."""
    java = SMALL_RUN if events < SMALL_LAG else LARGE_RUN
    submit, *rest = submit_command(PROPERTIES_FILE, application)
    return [submit, "--conf", f"spark.driver.extraJavaOptions={java}", *options, *rest]


def seed(_: int) -> list[str]:
    """spark-submit with the jars that the job needs, and nothing else."""
    submit, *_ = submit_command()
    return [submit, "--jars", seed_jars(), str(FOLDER / "seed.py")]


def seed_jars() -> str:
    """The jars of the Kafka connector and of the JDBC driver."""
    return ",".join(str(jar) for jar in (*class_path("spark"), *class_path("seed")))


def choose(*names: str) -> list[Contender]:
    """The contenders of these names that can run here."""
    known = {
        "ours": Contender("ours", "this project", ours, is_ours=True),
        "seed": Contender("seed", "seed job", seed),
        "script": Contender("script", "tight script", script),
    }
    return [known[name] for name in names if name in known]


def script(_: int) -> list[str]:
    """The script, with this project's own Python."""
    return [sys.executable, str(FOLDER / "script.py")]
