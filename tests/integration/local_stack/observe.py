"""What the tests of the embedded stack look at."""

import dataclasses
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import psutil
import psycopg

from local_stack import Stack
from local_stack.leftovers import find_processes
from local_stack.lifecycle import status

SERVICES = ("postgres", "kafka", "mail")
LOGINS = {
    "postgres": ("postgres", "postgres_admin"),
    "web_traffic_owner": ("web_traffic", "postgres_owner"),
    "web_traffic_writer": ("web_traffic", "postgres_writer"),
    "web_traffic_reader": ("web_traffic", "postgres_reader"),
    "airflow": ("airflow", "airflow_db"),
}


def connect(
    stack: Stack, role: str, database: str | None = None, password: str | None = None
) -> closing[psycopg.Connection[Any]]:
    return closing(
        psycopg.connect(
            host="127.0.0.1",
            port=stack.ports.postgres,
            user=role,
            dbname=database or LOGINS[role][0],
            password=password or getattr(stack.secrets, LOGINS[role][1]),
            autocommit=True,
        )
    )


def texts_that_others_see(stack: Stack) -> list[str]:
    """Return the command lines and the logs."""
    seen = []
    for process in find_processes(stack):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            seen.append(" ".join(process.cmdline()))
    return seen + [log.read_text(errors="replace") for log in stack.log_folder.rglob("*") if log.is_file()]


def files_with_a_secret(stack: Stack) -> dict[str, int]:
    """Return the names of the files that hold a password, with their modes."""
    secrets = [secret.encode() for secret in dataclasses.astuple(stack.secrets)]
    files = (file for file in stack.home.rglob("*") if file.is_file())
    holders = (file for file in files if any(secret in file.read_bytes() for secret in secrets))
    return {file.name: file.stat().st_mode & 0o777 for file in holders}


def pids(stack: Stack) -> dict[str, int]:
    return {program.name: state.pid for program, state in status(stack) if state and state.state == "RUNNING"}


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.05)
