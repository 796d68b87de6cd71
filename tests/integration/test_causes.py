"""Whatever fails, and wherever: the log and `etl.run` hold the innermost cause, and what a person can do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from local_stack import Stack
from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline, revoked
from tests.restating import interval, restating
from web_traffic.errors import EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN
from web_traffic.jobs import aggregate
from web_traffic.windows import count_hits

WRITER = "web_traffic_writer"
BROKEN = Path(__file__).parent.parent / "faults" / "broken_plan.py"
Failed = tuple[int, str, str]
Batches = Iterator[pa.RecordBatch]


@pytest.fixture
def busy(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline with a window to close."""
    pipeline.produce(event("00:01"), event("00:07"))
    return pipeline


@pytest.fixture
def break_plan(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[DataFrame], DataFrame]], None]:
    """Return what puts a step behind the counting of hits."""

    def put(step: Callable[[DataFrame], DataFrame]) -> None:
        monkeypatch.setattr(aggregate, "count_hits", lambda decoded: count_hits(decoded).transform(step))

    return put


@contextmanager
def connections(stack: Stack, most: int) -> Iterator[None]:
    """Let the writer open no more connections than this."""
    address = f"{stack.postgres_url.removesuffix('web_traffic')}postgres".removeprefix("jdbc:")
    login = {"user": "postgres", "password": stack.secrets.postgres_admin, "autocommit": True}
    with psycopg.connect(address, **login) as admin:
        admin.execute(f"ALTER ROLE {WRITER} CONNECTION LIMIT {most}")
        try:
            yield
        finally:
            admin.execute(f"ALTER ROLE {WRITER} CONNECTION LIMIT -1")


def failed(pipeline: Pipeline, **environment: str) -> Failed:
    """Run an application that fails, and return its exit code, the last line of its log, and the error in etl.run."""
    result = pipeline.submit(**environment)
    [(status, error)] = pipeline.query("SELECT status, error FROM etl.run ORDER BY run_id DESC LIMIT 1")
    assert status == "failed"
    return result.returncode, result.stdout.splitlines()[-1], error


def test_what_time_heals_is_said_and_tried_again(busy: Pipeline, stack: Stack) -> None:
    with connections(stack, 2):
        code, said, error = failed(busy)
    assert error == said == f'OperationalError: FATAL: too many connections for role "{WRITER}"'
    assert code == EXIT_TRY_AGAIN
    busy.run()


@pytest.mark.parametrize(
    "table", ["public.aggregated_web_traffic", "etl.staged_window", "etl.batch"], ids=["commit", "worker", "ledger"]
)
def test_a_right_that_is_missing_is_for_a_person_wherever_it_is_missed(busy: Pipeline, table: str) -> None:
    with revoked(busy, f"INSERT ON {table}"):
        code, said, error = failed(busy)
    assert error == said
    assert error.startswith(f"InsufficientPrivilege: permission denied for table {table.partition('.')[2]}; grant")
    assert code == EXIT_NEEDS_ATTENTION


def test_a_restatement_says_it_too(busy: Pipeline) -> None:
    busy.run()
    with revoked(busy, "INSERT ON etl.staged_restatement"):
        code, said, error = failed(restating(busy), **interval("00:00", "00:05"))
    assert error == said
    assert error.startswith("InsufficientPrivilege: permission denied for table staged_restatement; grant the role")
    assert code == EXIT_NEEDS_ATTENTION


def raise_from(batches: Batches) -> Batches:
    try:
        raise OSError('no disk for password=swordfish and {"host": "private.example"}\nsecond line')
    except OSError as error:
        raise RuntimeError("outer") from error
    yield from batches


def raise_several(batches: Batches) -> Batches:
    raise ExceptionGroup("several", [ValueError("the first"), TypeError("the second")])
    yield from batches


def die(batches: Batches) -> Batches:
    import os

    os.kill(os.getpid(), 9)
    yield from batches


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (raise_from, "OSError: no disk for password=*** and {…}"),
        (raise_several, "ValueError: the first"),
        (die, "SparkException: Python worker exited unexpectedly (crashed)"),
    ],
)
def test_an_error_of_a_worker_is_the_first_one_of_its_chain(
    busy: Pipeline, break_plan: Callable[..., None], step: Callable[[Batches], Batches], said: str
) -> None:
    break_plan(lambda hits: hits.mapInArrow(step, hits.schema))
    code, last_line, error = failed(busy)
    assert error == last_line
    assert error.startswith(said)
    assert code == EXIT_TRY_AGAIN


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("num_hits + 9223372036854775807L", "SparkArithmeticException: [ARITHMETIC_OVERFLOW]"),
        ("nothing", "AnalysisException: [UNRESOLVED_COLUMN.WITH_SUGGESTION]"),
        ("length(repeat(left(host, 1), 2000000000))", "OutOfMemoryError: Java heap space; raise spark.driver.memory"),
    ],
    ids=["in a task", "while planning", "memory of a task"],
)
def test_an_error_of_the_jvm_is_named_and_not_its_wrapping(
    busy: Pipeline, break_plan: Callable[..., None], expression: str, said: str
) -> None:
    break_plan(lambda hits: hits.withColumn("num_hits", F.expr(expression).cast("long")))
    code, last_line, error = failed(busy)
    assert error == last_line
    assert error.startswith(said)
    assert code == EXIT_NEEDS_ATTENTION


def test_a_jvm_that_was_killed_is_named_and_not_the_lost_connection_to_it(busy: Pipeline) -> None:
    with stopped_at(busy.cold, "before offsets") as run:
        run.kill("jvm")
    [(status, error)] = busy.query("SELECT status, error FROM etl.run")
    assert (status, error) == (
        "failed",
        "JvmEnded: Spark's JVM has ended: it was killed, or the end of the log says why",
    )


def test_a_process_without_memory_says_so(busy: Pipeline) -> None:
    code, said, error = failed(replace(busy, application=BROKEN).cold, BROKEN="no memory")
    assert error.startswith("OutOfMemoryError: Java heap space; raise spark.driver.memory in Spark's properties file")
    assert error == said
    assert code == EXIT_NEEDS_ATTENTION
