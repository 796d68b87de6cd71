"""One run at a time, and only the newest one may commit."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.pipeline import RUN_LIMIT_SECONDS, Pipeline
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


def test_a_run_waits_its_turn_and_says_whom_it_waited_for_in_vain(pipeline: Pipeline) -> None:
    with pipeline.connect() as first, pipeline.connect() as second:
        RunLedger.begin(first, "first")
        with pytest.raises(RunInProgress, match="another live run is in progress"):
            RunLedger.begin(second, "second", wait=timedelta(milliseconds=100))
        first.close()
        assert RunLedger.begin(second, "second", wait=timedelta(seconds=10)).run_id == 2
    assert pipeline.query("SELECT name, status FROM etl.run ORDER BY run_id") == [
        ("first", "failed"),
        ("second", "running"),
    ]


def test_two_runs_at_once_follow_one_another_and_count_everything_once(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    with submitted(pipeline, RUN_NAME="one") as one, submitted(pipeline, RUN_NAME="two") as two:
        assert [process.wait(RUN_LIMIT_SECONDS) for process in (one, two)] == [0, 0]
    assert sorted(pipeline.query("SELECT read FROM etl.run")) == [(0,), (2,)]
    assert list(pipeline.windows().values()) == [1]


def test_a_run_that_lost_its_lock_and_lives_on_is_refused_by_the_database(pipeline: Pipeline) -> None:
    pipeline.produce(event("00:01"), event("00:07"))
    with stopped_at(pipeline, "offsets logged", RUN_NAME="zombie") as zombie:
        with pipeline.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database "
                "WHERE l.locktype = 'advisory' AND d.datname = current_database()"
            )
        with pipeline.connect() as connection:
            RunLedger.begin(connection, "successor", wait=timedelta(seconds=10))
            zombie.go_on()
            exit_code, output = zombie.wait()
    assert exit_code == EXIT_NEEDS_ATTENTION, output
    assert "run 1 was refused: the pipeline belongs to run 2 (successor)" in output
    assert pipeline.windows() == {}
    pipeline.run()
    assert list(pipeline.windows().values()) == [1]
