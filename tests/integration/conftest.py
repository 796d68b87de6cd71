"""The real Kafka and PostgreSQL, started once; each test gets a pipeline of its own."""

import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from local_stack import Stack, down, running
from local_stack.environment import VAR
from tests.pipeline import Pipeline, make_pipeline


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Return a stack with Kafka and PostgreSQL on free ports; what an earlier, killed session left is ended first."""
    home = VAR / "test"
    if home.exists():
        down(Stack.create(home))
        shutil.rmtree(home)
    with running(Stack.create(home), "postgres", "kafka") as stack:
        yield stack
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def pipeline(stack: Stack, numbers: Iterator[int], tmp_path: Path) -> Pipeline:
    """Return a pipeline with an empty topic and a migrated database."""
    return make_pipeline(stack, f"web_traffic_{next(numbers)}", tmp_path / "checkpoint")
