"""Each test gets a pipeline of its own."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from local_stack import Stack
from tests.pipeline import Pipeline, make_pipeline
from tests.showing import Shown
from web_traffic.settings import Settings


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return count(1)


@pytest.fixture
def pipeline(stack: Stack, numbers: Iterator[int], tmp_path: Path) -> Pipeline:
    """Return a pipeline with an empty topic and a migrated database."""
    return make_pipeline(stack, f"web_traffic_{next(numbers)}", tmp_path / "checkpoint")


@pytest.fixture
def shown(stack: Stack, numbers: Iterator[int], tmp_path: Path) -> Shown:
    pipeline = make_pipeline(stack, f"page_{next(numbers)}", tmp_path / "checkpoint")
    reader = {"POSTGRES_USER": "web_traffic_reader", "POSTGRES_PASSWORD": stack.secrets.postgres_reader}
    return Shown(pipeline, Settings.from_environment(pipeline.environment | reader))
