"""Kafka's log, Spark's checkpoint and PostgreSQL's ledger of different times: each is found, and its way out works."""

import shutil
from collections import Counter

import pytest

from local_stack import Stack
from tests.copies import CheckpointCopy, DatabaseCopy
from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.integration.test_guard import refusal
from tests.pipeline import Pipeline
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.warehouse.ledger import RunLedger

REBUILD = {"REBUILD_CHECKPOINT": "true"}


def produce_window(pipeline: Pipeline, number: int) -> None:
    """Send three events of window `number` of the night; the newest one closes the window before."""
    minute = 5 * number
    times = [f"{(minute + offset) // 60:02}:{(minute + offset) % 60:02}" for offset in (1, 2, 3)]
    pipeline.produce(*(event(time) for time in times))


def assert_all_is_there(pipeline: Pipeline, windows: int) -> None:
    """Check that the first windows hold their three events each, by the table and by the independent recount."""
    assert Counter(pipeline.windows().values()) == ({3: windows} if windows else {})
    recount = pipeline.recount()
    assert recount.is_right, recount


@pytest.mark.parametrize(("runs_behind", "more_events"), [(1, True), (1, False), (2, True), (4, False)])
def test_a_database_older_than_the_checkpoint_is_refused_and_a_rebuild_brings_every_window_back(
    stack: Stack, pipeline: Pipeline, runs_behind: int, more_events: bool
) -> None:
    for number in range(2):
        produce_window(pipeline, number)
        pipeline.run()
    copy = DatabaseCopy(stack, pipeline)
    for number in range(2, 2 + runs_behind):
        produce_window(pipeline, number)
        pipeline.run()
    copy.restore()
    windows = 2 + runs_behind
    if more_events:
        produce_window(pipeline, windows)
        windows += 1
    before = pipeline.windows()
    refused = refusal(pipeline)
    assert "the database is older than the checkpoint" in refused
    assert "it ends with batch 3" in refused
    assert "run once with rebuild_checkpoint" in refused
    assert pipeline.windows() == before
    pipeline.run(**REBUILD)
    assert_all_is_there(pipeline, windows - 1)


@pytest.mark.parametrize("runs_behind", [1, 3])
def test_a_checkpoint_older_than_the_database_is_refused_and_a_rebuild_goes_on_from_it(
    pipeline: Pipeline, runs_behind: int
) -> None:
    produce_window(pipeline, 0)
    pipeline.run()
    copy = CheckpointCopy(pipeline)
    for number in range(1, 1 + runs_behind):
        produce_window(pipeline, number)
        pipeline.run()
    copy.restore()
    produce_window(pipeline, 1 + runs_behind)
    assert "the checkpoint is older than the database" in refusal(pipeline)
    pipeline.run(**REBUILD)
    assert_all_is_there(pipeline, 1 + runs_behind)


@pytest.mark.parametrize(("database", "checkpoint"), [(1, 2), (2, 1), (3, 1)])
def test_database_and_checkpoint_both_restored_from_different_times(
    stack: Stack, pipeline: Pipeline, database: int, checkpoint: int
) -> None:
    """Each number is the run after which the copy was taken; there are four runs."""
    copies: list[DatabaseCopy | CheckpointCopy] = []
    for number in range(4):
        produce_window(pipeline, number)
        pipeline.run()
        if number + 1 == database:
            copies.append(DatabaseCopy(stack, pipeline))
        if number + 1 == checkpoint:
            copies.append(CheckpointCopy(pipeline))
    for copy in copies:
        copy.restore()
    produce_window(pipeline, 4)
    older = "database" if database < checkpoint else "checkpoint"
    assert f"the {older} is older than the" in refusal(pipeline)
    pipeline.run(**REBUILD)
    assert_all_is_there(pipeline, 4)


def test_a_checkpoint_that_a_rebuild_had_set_aside_is_refused_when_it_is_put_back(pipeline: Pipeline) -> None:
    produce_window(pipeline, 0)
    pipeline.run()
    pipeline.run(**REBUILD)
    produce_window(pipeline, 1)
    pipeline.run()
    [old] = pipeline.checkpoint.parent.glob(f"{pipeline.checkpoint.name}.replaced-*")
    shutil.rmtree(pipeline.checkpoint)
    old.rename(pipeline.checkpoint)
    produce_window(pipeline, 2)
    assert "was replaced by another one" in refusal(pipeline)
    pipeline.run(**REBUILD)
    assert_all_is_there(pipeline, 2)


def test_a_ledger_with_a_hole_is_refused_and_a_rebuild_reads_what_no_batch_has_read(pipeline: Pipeline) -> None:
    """As a version that took the batch after a lost one has left it."""
    for number in range(3):
        produce_window(pipeline, number)
        pipeline.run()
    with pipeline.owner() as owner:
        owner.execute("DELETE FROM etl.batch WHERE batch_id IN (2, 3)")
    produce_window(pipeline, 3)
    refused = refusal(pipeline)
    assert "the ledger lacks the batches between 1 and 4" in refused
    assert "run once with rebuild_checkpoint" in refused
    pipeline.run(**REBUILD)
    assert sum(pipeline.windows().values()) == 9


def test_a_batch_that_the_books_do_not_know_is_no_reason_to_lose_it(stack: Stack, pipeline: Pipeline) -> None:
    """The run was killed between its batch and its books; that is the state of the database that was restored."""
    produce_window(pipeline, 0)
    pipeline.run()
    produce_window(pipeline, 1)
    pipeline.run()
    with pipeline.owner() as owner:
        owner.execute("UPDATE etl.run SET status = 'failed', last_batch = NULL, open_after = NULL WHERE run_id = 2")
    copy = DatabaseCopy(stack, pipeline)
    produce_window(pipeline, 2)
    pipeline.run()
    copy.restore()
    produce_window(pipeline, 3)
    assert "the database is older than the checkpoint" in refusal(pipeline)
    pipeline.run(**REBUILD)
    assert_all_is_there(pipeline, 3)


def test_a_chain_of_rebuilds_loses_nothing(stack: Stack, pipeline: Pipeline) -> None:
    """Each rebuild begins where the unsealed windows of that time begin, and the next one needs no more than it."""
    produce_window(pipeline, 0)
    pipeline.run()
    for number in range(1, 4):
        produce_window(pipeline, number)
        pipeline.run(**REBUILD)
    copy = DatabaseCopy(stack, pipeline)
    produce_window(pipeline, 4)
    pipeline.run(**REBUILD)
    copy.restore()
    produce_window(pipeline, 5)
    assert "restored from a copy that is older than the checkpoint" in refusal(pipeline)
    pipeline.run(**REBUILD)
    assert_all_is_there(pipeline, 5)


def test_a_run_of_another_time_commits_nothing_to_a_restored_database(stack: Stack, pipeline: Pipeline) -> None:
    """The database is replaced while the run is at work, and the next one gets its number."""
    produce_window(pipeline, 0)
    pipeline.run()
    copy = DatabaseCopy(stack, pipeline)
    produce_window(pipeline, 1)
    with stopped_at(pipeline, "offsets logged") as run:
        copy.restore()
        with pipeline.connect() as connection:
            assert RunLedger.begin(connection, "successor").run_id == 2
        run.go_on()
        exit_code, output = run.wait()
    assert exit_code == EXIT_NEEDS_ATTENTION, output
    assert "the database was restored from a copy" in output
    assert pipeline.windows() == {}
    pipeline.run()
    assert_all_is_there(pipeline, 1)
