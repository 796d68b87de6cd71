"""Fixtures that more than one kind of test needs, and which tests share a lane."""

import os
import shutil
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import settings as profiles
from pyspark.sql import SparkSession
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from local_stack import Stack, postgres, running
from local_stack.airflow import PROGRAMS
from local_stack.environment import VAR
from local_stack.leftovers import find_processes
from local_stack.supervisor import Supervisor
from tests import timing
from tests.homes import fresh_home
from tests.pipeline import Pipeline
from tests.warm_spark import warm_session
from tests.whole_stack import FirstRun, make_first_run, settings_for_tests, start_airflow

AIRFLOW = "airflow"
WITH_AIRFLOW = pytest.StashKey[Stack]()
AIRFLOW_TESTS = (
    "tests/browser/",
    "tests/integration/alerts/",
    "tests/integration/test_airflow.py",
    "tests/integration/test_backfill.py",
    "tests/integration/test_downstream.py",
    "tests/integration/test_end_to_end.py",
    "tests/integration/test_lineage.py",
)
LONG_TESTS = (
    "tests/faults/",
    "tests/integration/logins/",
    "tests/integration/test_pooler.py",
    "tests/integration/test_redrive_faults.py",
    "tests/integration/test_restate_refusals.py",
    "tests/integration/test_cut_logs.py",
    "tests/integration/test_restate_cuts.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Count what the tests start, let their PostgreSQL leave its files to the system, and alert nobody.

    PostgreSQL writes as before, so what is killed loses nothing. Only a machine that dies would lose what is not
    on its disk. The failures that tests provoke must not reach the channels of whoever runs them.
    """
    config.pluginmanager.register(timing, "timing")
    for name in ("ALERT_URLS", "ALERT_DIGEST", "RUN_DEADLINE"):
        os.environ.pop(name, None)
    durable = postgres.command

    def command(stack: Stack) -> list[str]:
        return [*durable(stack), *(("-c", "fsync=off") if stack.home.is_relative_to(VAR / "tests") else ())]

    postgres.command = command


profiles.register_profile("thorough", max_examples=1000)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a person choose the order of the tests."""
    parser.addoption("--order", type=int, metavar="SEED", help="run the tests in a random order, the same for a seed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep together what shares a stack, and begin with what takes longest, so that both lanes end together."""
    seed = config.getoption("--order")
    if seed is not None:
        chance = Random(seed)
        chance.shuffle(items)
        places = {name: chance.random() for name in sorted({group(item.nodeid) for item in items})}
        items.sort(key=lambda item: places[group(item.nodeid)])
    else:
        items.sort(key=lambda item: not item.nodeid.startswith(LONG_TESTS))
    items.sort(key=lambda item: group(item.nodeid) != AIRFLOW)


class Lanes(LoadScopeScheduling):
    """Hands whole groups to the lanes: the tests of one group share a stack, so they run in one lane."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes | None:
    """Let the lanes be filled by groups; tests that need no service are divided by files."""
    return Lanes(config, log) if config.getvalue("dist") == "loadscope" else None


def group(nodeid: str) -> str:
    """Return the name of the tests that share a stack with this one: all of Airflow, or else its folder or file."""
    if nodeid.startswith(AIRFLOW_TESTS):
        return AIRFLOW
    file = nodeid.partition("::")[0]
    return file if file.startswith("tests/integration/test_") else file.rpartition("/")[0]


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
def traffic(stack: Stack, request: pytest.FixtureRequest) -> Pipeline:
    """Return the pipeline that the stack's own DAG feeds."""
    request.config.stash[WITH_AIRFLOW] = stack
    return start_airflow(stack)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """After the last test of Airflow let it end beside the tests that follow, which want the processor."""
    yield
    if nextitem is not None and group(item.nodeid) == AIRFLOW != group(nextitem.nodeid):
        stack = item.config.stash.get(WITH_AIRFLOW, None)
        for name in PROGRAMS if stack else ():
            Supervisor(stack).stop_program(name)


@pytest.fixture(scope="session")
def first_run(stack: Stack, traffic: Pipeline) -> FirstRun:
    """Let the schedule run the DAG over two hours of traffic."""
    return make_first_run(stack, traffic)
