"""Fixtures that more than one kind of test needs."""

import shutil
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from local_stack import Stack, running
from tests.homes import fresh_home
from tests.pipeline import Pipeline
from tests.warm_spark import warm_session
from tests.whole_stack import FirstRun, make_first_run, start_airflow

pytest_plugins = ("tests.timing",)


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    """Return the warm Spark, for tests that need no pipeline."""
    return warm_session()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Return a stack with Kafka and PostgreSQL on free ports."""
    home = fresh_home("session")
    with running(Stack.create(home), "postgres", "kafka") as stack:
        yield stack
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def traffic(stack: Stack) -> Pipeline:
    """Return the pipeline that the stack's own DAG feeds."""
    return start_airflow(stack)


@pytest.fixture(scope="session")
def first_run(stack: Stack, traffic: Pipeline) -> FirstRun:
    """Let the schedule run the DAG over an hour of traffic."""
    return make_first_run(stack, traffic)
