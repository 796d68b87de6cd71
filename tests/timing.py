"""How often the tests start Spark and services, and the seconds that it takes: the end of `make test` says so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest

from local_stack import lifecycle

Starts = dict[str, tuple[int, float]]
"""Number and seconds by kind."""
STARTS: Starts = {}
AIRFLOW, SERVICE = "start of Airflow", "start of services"


def count_start(kind: str, seconds: float = 0, number: int = 1) -> None:
    """Count a start of that kind."""
    before = STARTS.get(kind, (0, 0.0))
    STARTS[kind] = before[0] + number, before[1] + seconds


@contextmanager
def timed(kind: str) -> Iterator[None]:
    """Count a start, and the seconds of the block."""
    began = time.monotonic()
    try:
        yield
    finally:
        count_start(kind, time.monotonic() - began)


def pytest_configure() -> None:
    """Count what the tests start by way of the embedded stack."""
    start_stage = lifecycle._start_stage

    @wraps(start_stage)
    def timed_stage(stack: Any, supervisor: Any, programs: list[Any]) -> None:
        is_airflow = any(program.name.startswith("airflow") for program in programs)
        with timed(AIRFLOW if is_airflow else SERVICE):
            start_stage(stack, supervisor, programs)

    lifecycle._start_stage = timed_stage


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a lane's figures to the process that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["starts"] = STARTS


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report the figures of all lanes."""
    terminalreporter.section("starts")
    for kind, (number, seconds) in sorted(STARTS.items()):
        terminalreporter.write_line(f"{number:4} {kind}: {seconds:.0f} s")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a lane's figures."""
    for kind, (number, seconds) in getattr(node, "workeroutput", {}).get("starts", {}).items():
        count_start(kind, seconds, number)
