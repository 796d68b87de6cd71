"""The two stacks that the tests compare, made from one `.env`."""

import pytest
from dotenv import dotenv_values

from local_stack import Stack, tls
from tests.unit.docker.compose_file import Service, interpolated, load


@pytest.fixture(scope="session", params=["plain", "secured"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The embedded stack, plain and secured."""
    plain = Stack.create(tmp_path_factory.mktemp("stack"))
    if request.param == "plain":
        return plain
    secured = plain.switch(is_secure=True)
    tls.prepare(secured)
    return secured


@pytest.fixture(scope="session")
def services(stack: Stack) -> dict[str, Service]:
    """The services of docker-compose.yaml, and for a secured stack of the file on top of it."""
    loaded = load(is_secure=stack.is_secure)["services"]
    filled: dict[str, Service] = interpolated(loaded, dotenv_values(stack.env_file))
    return filled
