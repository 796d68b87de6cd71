"""A Kafka broker that asks for a login, and pipelines that give it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack import Stack
from tests.pipeline import Pipeline, make_pipeline
from tests.secured import RIGHTS, SecuredBroker, secured_broker


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest.fixture
def enter(stack: Stack, broker: SecuredBroker, tmp_path: Path, numbers: Iterator[int]) -> Callable[[str], Pipeline]:
    """Return what makes a pipeline that comes in by one of the doors."""

    def enter(door: str) -> Pipeline:
        principal, url, login = broker.doors[door]
        name = f"{door}_{next(numbers)}"
        broker.allow(principal, name, *RIGHTS)
        environment = {"KAFKA_URL": url, "KAFKA_CONFIG": json.dumps(login), "KAFKA_TOPIC_PARTITIONS": "2"}
        return make_pipeline(stack, name, tmp_path / "checkpoint", **environment)

    return enter


@pytest.fixture
def by_scram(enter: Callable[[str], Pipeline]) -> Pipeline:
    return enter("by_scram")
