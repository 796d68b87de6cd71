"""The gate: Spark is skipped only when it has provably nothing to do."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from web_traffic.gate import Decision, decide
from web_traffic.kafka import Offsets
from web_traffic.warehouse.history import NewestBatch, Standing

QUERY = UUID("8f4a4e6e-6a5b-4a6e-9d38-5b8f4f5d0a11")
OTHER = UUID("11111111-1111-4111-8111-111111111111")
ENDS = {"0": 2, "1": 3}
BATCH = NewestBatch(QUERY, 1, ENDS, datetime(2026, 3, 29, 12, tzinfo=UTC), is_in_books=True)
DONE = Standing(7, is_closed=True, query_id=QUERY, left_work=False, newest_batch=BATCH)
"""As a finished run leaves it: it has read 5 records."""
NO_BATCH = Standing(7, is_closed=True, query_id=QUERY, left_work=False, newest_batch=None)


def reason_to_run(standing: Standing | None, end_offsets: Offsets = ENDS) -> str | None:
    decision = decide(standing, end_offsets)
    return decision.reason if decision.must_run else None


def test_nothing_new_skips_spark() -> None:
    assert decide(DONE, ENDS) == Decision(False, "nothing new", 0)


@pytest.mark.parametrize("standing", [None, NO_BATCH])
def test_an_empty_topic_that_was_never_read_skips_spark(standing: Standing | None) -> None:
    assert decide(standing, {"0": 0, "1": 0}) == Decision(False, "the topic is empty", 0)


@pytest.mark.parametrize("standing", [None, NO_BATCH])
def test_a_first_record_runs_spark(standing: Standing | None) -> None:
    assert reason_to_run(standing, {"0": 0, "1": 1}) == "first run"


def test_new_offsets_run_spark_and_give_the_lag() -> None:
    assert decide(DONE, {"0": 1002, "1": 3}) == Decision(True, "1,000 new offsets", 1000)


def test_a_new_partition_runs_spark_even_when_it_is_empty() -> None:
    assert reason_to_run(DONE, ENDS | {"2": 0}) == "0 new offsets"


def test_offsets_that_went_back_run_spark_so_that_it_can_refuse() -> None:
    assert reason_to_run(DONE, {"0": 1, "1": 3}) == "-1 new offsets"


@pytest.mark.parametrize("newest_batch", [BATCH, None])
def test_a_run_that_failed_or_was_killed_runs_spark_again(newest_batch: NewestBatch | None) -> None:
    killed = DONE._replace(is_closed=False, left_work=None, newest_batch=newest_batch)
    assert reason_to_run(killed, ENDS if newest_batch else {"0": 0}) == "run 7 has not closed its books"


def test_a_batch_that_is_in_no_closed_books_runs_spark() -> None:
    open_batch = DONE._replace(newest_batch=BATCH._replace(is_in_books=False))
    assert reason_to_run(open_batch) == "batch 1 is not in the books"


def test_a_new_checkpoint_that_has_read_nothing_yet_runs_spark() -> None:
    assert reason_to_run(DONE._replace(query_id=OTHER)) == "the checkpoint of run 7 has no batch yet"


def test_windows_that_wait_for_their_closing_batch_run_spark() -> None:
    assert reason_to_run(DONE._replace(left_work=True)) == "run 7 has left windows that can be closed"


def test_a_run_of_a_version_that_did_not_say_what_it_left_runs_spark_once() -> None:
    assert reason_to_run(DONE._replace(left_work=None)) == "doubt: it is not known what run 7 has left"


def test_another_log_runs_spark_so_that_it_can_refuse() -> None:
    decision = decide(DONE, ENDS, is_same_log=lambda: False)
    assert decision == Decision(True, "doubt: the topic does not have the records that were read", 5)


def test_what_a_person_asks_for_runs_whatever_the_books_say() -> None:
    assert decide(DONE, ENDS, is_asked_for=True) == Decision(True, "a person asked for it", 5)
