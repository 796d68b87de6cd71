"""The cells of the matrix restart what others may be using: they get a stack of their own."""

from collections.abc import Iterator

import pytest

from local_stack import Stack
from tests.homes import own_stack


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Return a stack with Kafka and PostgreSQL."""
    with own_stack("faults", "postgres", "kafka") as stack:
        yield stack
