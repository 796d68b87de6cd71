"""Fixtures that more than one kind of test needs."""

import shutil
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from local_stack import Stack, running
from tests.homes import fresh_home
from tests.pipeline import Pipeline
from tests.whole_stack import FirstRun, make_first_run, start_airflow


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Return a Spark session inside the test process, for tests that need no Kafka."""
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", 1)
        .getOrCreate()
    )
    yield session
    session.stop()


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
