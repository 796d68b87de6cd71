"""The programs of the stack: how each is prepared, started, checked and stopped."""

import smtplib
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_stack import airflow, kafka, postgres
from local_stack.environment import LOOPBACK, REPO, Stack
from local_stack.errors import StackError


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program under the supervisor. Times are in seconds."""

    name: str
    title: str
    directory: Path
    command: Callable[[], list[str]]
    environment: Callable[[], dict[str, str]] = dict
    """Both are called at the start only: stopping needs neither Java nor jars."""
    ports: tuple[str, ...] = ()
    """Its ports by their names in `Ports`; the first is the one that its users connect to."""
    stage: int = 0
    """Programs of a stage start together, after those of the stages before it are ready."""
    is_optional: bool = False
    """Whether it starts only if it is named."""
    prepare: Callable[[], None] = lambda: None
    is_ready: Callable[[float], bool] = lambda _: True
    """Whether it serves, given the time at which it started (seconds since the epoch)."""
    finish: Callable[[], None] = lambda: None
    """Called when it is ready, before the next stage starts."""
    ready_within: float = 60
    user: str | None = None
    stop_signal: str = "TERM"
    stop_children: bool = True
    """Whether the signal goes to its whole process group."""
    stop_within: int = 20


def all_programs(stack: Stack) -> dict[str, Program]:
    """Every program of the stack by its name, in the order of starting."""
    programs = (_postgres(stack), _kafka(stack), _mail(stack), *_airflow(stack), _watchdog(stack), _traffic(stack))
    return {program.name: program for program in programs}


def choose(programs: dict[str, Program], names: Collection[str]) -> list[Program]:
    """The programs with these names; `airflow` stands for its four, no name for all that are not optional."""
    if not names:
        return [program for program in programs.values() if not program.is_optional]
    wanted = {name for name in names if name != "airflow"}
    if "airflow" in names:
        wanted.update(airflow.PROGRAMS)
    if unknown := wanted - programs.keys():
        raise StackError(f"Unknown program {', '.join(sorted(unknown))}: choose from airflow, {', '.join(programs)}.")
    return [program for program in programs.values() if program.name in wanted]


def _postgres(stack: Stack) -> Program:
    return Program(
        name="postgres",
        title="PostgreSQL",
        command=partial(postgres.command, stack),
        directory=stack.home,
        ports=("postgres",),
        prepare=partial(postgres.prepare, stack),
        is_ready=lambda _: postgres.is_ready(stack),
        finish=partial(postgres.provision, stack),
        user=postgres.system_user(),
        stop_signal="INT",  # its fast shutdown: ends the sessions and writes a checkpoint
        stop_children=False,
    )


def _kafka(stack: Stack) -> Program:
    return Program(
        name="kafka",
        title="Kafka",
        command=partial(kafka.command, stack),
        directory=stack.home / "kafka",
        ports=("kafka", "kafka_controller"),
        prepare=partial(kafka.prepare, stack),
        is_ready=lambda _: kafka.is_ready(stack),
        finish=partial(kafka.provision, stack),
    )


def _mail(stack: Stack) -> Program:
    return Program(
        name="mail",
        title="Mail sink",
        command=lambda: [sys.executable, "-m", "local_stack.mail", str(stack.ports.mail), str(stack.mail_folder)],
        directory=REPO,
        ports=("mail",),
        is_ready=lambda _: _greets(stack.ports.mail),
    )


def _airflow(stack: Stack) -> list[Program]:
    return [
        Program(
            name=name,
            title=title,
            command=partial(airflow.command, name),
            directory=airflow.home(stack),
            environment=partial(airflow.environment, stack),
            ports=("airflow",) if name == "airflow-api-server" else (),
            stage=1,
            prepare=partial(airflow.prepare, stack),
            is_ready=partial(airflow.is_ready, stack, component),
            ready_within=120,
            stop_within=30,
        )
        for name, (title, component, _) in airflow.PROGRAMS.items()
    ]


def _watchdog(stack: Stack) -> Program:
    return Program(
        name="watchdog",
        title="Watchdog",
        command=lambda: [sys.executable, "-m", "web_traffic", "watchdog", "--every", "15"],
        directory=REPO,
        environment=lambda: _watchdog_environment(stack),
        stage=2,
    )


def _watchdog_environment(stack: Stack) -> dict[str, str]:
    """The addresses that tasks get from Airflow's connections; the watchdog is no part of Airflow."""
    return {
        "POSTGRES_URL": stack.postgres_url,
        "POSTGRES_USER": "web_traffic_writer",
        "POSTGRES_PASSWORD": stack.secrets.postgres_writer,
        **airflow.alert_settings(stack),
        "ALERT_FROM": airflow.MAIL_FROM,
        "ALERT_SMTP_URL": f"smtp://{LOOPBACK}:{stack.ports.mail}",
        "AIRFLOW_URL": stack.airflow_url,
    }


def _traffic(stack: Stack) -> Program:
    return Program(
        name="traffic",
        title="Live traffic",
        command=lambda: [sys.executable, "-m", "simulator", "live", "--rate", "20"],
        directory=REPO,
        environment=stack.kafka_environment,
        stage=2,
        is_optional=True,
    )


def _greets(port: int) -> bool:
    try:
        with smtplib.SMTP(LOOPBACK, port, timeout=2):
            return True
    except OSError:
        return False
