"""The cells of the matrix restart what others may be using: they get a stack of their own."""

import shutil
from collections.abc import Iterator

import pytest

from local_stack import Stack, running
from tests.homes import fresh_home


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Return a stack with Kafka and PostgreSQL."""
    home = fresh_home("faults")
    with running(Stack.create(home), "postgres", "kafka") as stack:
        yield stack
    shutil.rmtree(home)
