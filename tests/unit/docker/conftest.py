"""The two stacks that the tests compare, made from one `.env`."""

import pytest
from dotenv import dotenv_values

from local_stack import Stack
from tests.unit.docker.compose_file import Service, interpolated, load


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The embedded stack."""
    return Stack.create(tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="session")
def services(stack: Stack) -> dict[str, Service]:
    """The services of docker-compose.yaml."""
    filled: dict[str, Service] = interpolated(load()["services"], dotenv_values(stack.env_file))
    return filled
