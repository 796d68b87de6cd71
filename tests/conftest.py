"""Fixtures that more than one kind of test needs, and which tests share a lane."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from pyspark.sql import SparkSession

from local_stack import Stack, running
from local_stack.leftovers import find_processes
from tests import timing
from tests.homes import fresh_home
from tests.pipeline import Pipeline
from tests.warm_spark import warm_session
from tests.whole_stack import FirstRun, make_first_run, settings_for_tests, start_airflow

TESTS = Path(__file__).parent
AIRFLOW = "airflow"


def pytest_configure(config: pytest.Config) -> None:
    """Count what the tests start."""
    config.pluginmanager.register(timing, "timing")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a person choose the order of the tests."""
    parser.addoption("--order", type=int, metavar="SEED", help="run the tests in a random order, the same for a seed")


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep together what shares a stack: all tests of Airflow, which begin first, and each folder or file else."""
    groups = {item: group(item) for item in items}
    for item, name in groups.items():
        item.add_marker(pytest.mark.xdist_group(name))
    seed = config.getoption("--order")
    if seed is not None:
        chance = Random(seed)
        chance.shuffle(items)
        places = {name: chance.random() for name in sorted(set(groups.values()))}
        items.sort(key=lambda item: places[groups[item]])
    items.sort(key=lambda item: groups[item] != AIRFLOW)


def group(item: pytest.Item) -> str:
    """Return the name of the tests that share a stack with this one."""
    if "traffic" in item.fixturenames:  # type: ignore[attr-defined]
        return AIRFLOW
    folder = item.path.parent.relative_to(TESTS)
    return str(item.path.relative_to(TESTS) if folder in (Path("integration"), Path("unit/web_traffic")) else folder)


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    """Return the warm Spark, for tests that need no pipeline."""
    return warm_session()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Return the stack of the session (of a lane, if there are two), with Kafka and PostgreSQL on free ports.

    At its end nothing is left of it, also not of Airflow if a test has started that.
    """
    home = fresh_home(f"session-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}")
    with settings_for_tests(home), running(Stack.create(home), "postgres", "kafka") as stack:
        yield stack
    assert find_processes(stack) == []
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def traffic(stack: Stack) -> Pipeline:
    """Return the pipeline that the stack's own DAG feeds."""
    return start_airflow(stack)


@pytest.fixture(scope="session")
def first_run(stack: Stack, traffic: Pipeline) -> FirstRun:
    """Let the schedule run the DAG over two hours of traffic."""
    return make_first_run(stack, traffic)
