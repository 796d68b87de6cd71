"""What the tests of the embedded stack look at."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg

from local_stack import Stack
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


def pids(stack: Stack) -> dict[str, int]:
    return {program.name: state.pid for program, state in status(stack) if state and state.state == "RUNNING"}


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.05)
