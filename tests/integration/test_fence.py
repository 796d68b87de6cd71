"""One run at a time, and only the newest one may commit."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from local_stack import Stack
from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.pipeline import RUN_LIMIT_SECONDS, Pipeline, end_locks
from tests.poolers import pooled
from web_traffic.errors import EXIT_NEEDS_ATTENTION, RunInProgress
from web_traffic.warehouse.ledger import RunLedger


@contextmanager
def submitted(pipeline: Pipeline, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = pipeline.start(**environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["directly", "behind a pooler"])
def reached(request: pytest.FixtureRequest, stack: Stack, pipeline: Pipeline, tmp_path: Path) -> Iterator[Pipeline]:
    """Return a pipeline whose database is reached in this way; PgBouncer gives each transaction another session."""
    if request.param == "directly":
        yield pipeline
    else:
        with pooled(stack, pipeline, tmp_path, "transaction") as behind:
            yield behind


def test_a_run_waits_its_turn_and_says_whom_it_waited_for_in_vain(reached: Pipeline) -> None:
    with reached.connect() as first, reached.connect() as second:
        RunLedger.begin(first, "first")
        with pytest.raises(RunInProgress, match="another live run is in progress"):
            RunLedger.begin(second, "second", wait=timedelta(milliseconds=100))
        first.close()
        assert RunLedger.begin(second, "second", wait=timedelta(seconds=10)).run_id == 2
    assert reached.query("SELECT name, status FROM etl.run ORDER BY run_id") == [
        ("first", "failed"),
        ("second", "running"),
    ]


def test_two_runs_at_once_follow_one_another_and_count_everything_once(reached: Pipeline) -> None:
    reached.produce(event("00:01"), event("00:07"))
    with submitted(reached, RUN_NAME="one") as one, submitted(reached, RUN_NAME="two") as two:
        assert [process.wait(RUN_LIMIT_SECONDS) for process in (one, two)] == [0, 0]
    assert sorted(reached.query("SELECT read FROM etl.run")) == [(0,), (2,)]
    assert list(reached.windows().values()) == [1]


def test_a_run_that_lost_its_lock_and_lives_on_is_refused_by_the_database(reached: Pipeline) -> None:
    reached.produce(event("00:01"), event("00:07"))
    with stopped_at(reached, "offsets logged", RUN_NAME="zombie") as zombie:
        end_locks(reached)
        with reached.connect() as connection:
            RunLedger.begin(connection, "successor", wait=timedelta(seconds=10))
            zombie.go_on()
            exit_code, output = zombie.wait()
    assert exit_code == EXIT_NEEDS_ATTENTION, output
    assert "run 1 was refused: the pipeline belongs to run 2 (successor)" in output
    assert reached.windows() == {}
    reached.run()
    assert list(reached.windows().values()) == [1]
