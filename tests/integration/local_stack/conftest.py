"""One stack with its services for all tests of the embedded stack; each test finds it up."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack import Stack, down, up
from tests.homes import fresh_home
from tests.integration.local_stack.observe import SERVICES


@pytest.fixture(scope="package")
def home() -> Iterator[Path]:
    """A folder that PostgreSQL's user may enter; pytest's own folders are closed to it."""
    folder = fresh_home("local_stack")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="package")
def own_stack(home: Path) -> Iterator[Stack]:
    stack = Stack.create(home / "up")
    yield stack
    down(stack)


@pytest.fixture
def stack(own_stack: Stack) -> Stack:
    up(own_stack, *SERVICES)
    return own_stack
