"""A Kafka broker that asks for a login, and pipelines that give it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation

from local_stack import Stack
from tests.issuer import CLIENT_ID
from tests.pipeline import Pipeline, make_pipeline
from tests.secured import CLIENT, USER, SecuredBroker, secured_broker

RIGHTS = (AclOperation.CREATE, AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE)
"""To make the topic, and to send to it, which the tests do; the runs themselves describe and read."""


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


@pytest.fixture
def enter(stack: Stack, broker: SecuredBroker, tmp_path: Path, numbers: Iterator[int]) -> Callable[[str], Pipeline]:
    """Return what makes a pipeline that comes in by one of the doors."""
    doors = {
        "by_scram": (USER, broker.scram_url, broker.scram),
        "by_certificate": (CLIENT, broker.tls_url, broker.mutual_tls),
        "by_keystore": (CLIENT, broker.tls_url, broker.keystore),
        "by_token": (CLIENT_ID, broker.token_url, broker.oidc),
    }

    def enter(door: str) -> Pipeline:
        principal, url, login = doors[door]
        name = f"{door}_{next(numbers)}"
        broker.allow(principal, name, *RIGHTS)
        environment = {"KAFKA_URL": url, "KAFKA_CONFIG": json.dumps(login), "KAFKA_TOPIC_PARTITIONS": "2"}
        return make_pipeline(stack, name, tmp_path / "checkpoint", **environment)

    return enter


@pytest.fixture
def by_scram(enter: Callable[[str], Pipeline]) -> Pipeline:
    return enter("by_scram")
