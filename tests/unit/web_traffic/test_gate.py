"""The gate: Spark is skipped only when it has provably nothing to do."""

import json
import shutil
from pathlib import Path

import pytest

from web_traffic.checkpoint import Checkpoint, Offsets
from web_traffic.gate import decide

MINUTE = 60_000


def write_log(folder: Path, log: str, batch_id: int, *lines: dict) -> None:
    (folder / log).mkdir(parents=True, exist_ok=True)
    (folder / log / str(batch_id)).write_text("\n".join(["v1", *map(json.dumps, lines)]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a checkpoint as a finished run leaves it: batch 0 read 5 records, batch 1 closed the windows."""
    write_log(tmp_path, "sources/0", 0, {"traffic": {"0": 0, "1": 0}})
    (tmp_path / "metadata").write_text('{"id": "8f4a4e6e-6a5b-4a6e-9d38-5b8f4f5d0a11"}')
    for batch_id, watermark in ((0, 0), (1, MINUTE)):
        plan = {"batchWatermarkMs": watermark, "batchTimestampMs": 9 * MINUTE}
        write_log(tmp_path, "offsets", batch_id, plan, {"traffic": {"0": 2, "1": 3}})
        write_log(tmp_path, "commits", batch_id, {"nextBatchWatermarkMs": MINUTE})
    return tmp_path


def reason_to_run(folder: Path, end_offsets: Offsets, is_in_books: bool = True) -> str | None:
    decision = decide(Checkpoint(folder), end_offsets, lambda query_id, batch_id: is_in_books)
    return decision.reason if decision.must_run else None


def test_nothing_new_skips_spark(folder: Path) -> None:
    assert reason_to_run(folder, {"0": 2, "1": 3}) is None


def test_an_empty_topic_without_a_checkpoint_skips_spark(tmp_path: Path) -> None:
    assert reason_to_run(tmp_path, {"0": 0, "1": 0}) is None


def test_a_first_record_without_a_checkpoint_runs_spark(tmp_path: Path) -> None:
    assert reason_to_run(tmp_path, {"0": 0, "1": 1}) == "first run"


def test_new_offsets_run_spark_and_give_the_lag(folder: Path) -> None:
    assert reason_to_run(folder, {"0": 1002, "1": 3}) == "1,000 new offsets"


def test_a_new_partition_runs_spark_even_when_it_is_empty(folder: Path) -> None:
    assert reason_to_run(folder, {"0": 2, "1": 3, "2": 0}) == "0 new offsets"


def test_offsets_that_went_back_run_spark_so_that_it_can_refuse(folder: Path) -> None:
    assert reason_to_run(folder, {"0": 1, "1": 3}) == "-1 new offsets"


def test_a_batch_that_spark_did_not_commit_runs_spark(folder: Path) -> None:
    (folder / "commits" / "1").unlink()
    assert reason_to_run(folder, {"0": 2, "1": 3}) == "batch 1 is not done"


def test_a_batch_that_is_in_no_closed_books_runs_spark(folder: Path) -> None:
    assert reason_to_run(folder, {"0": 2, "1": 3}, is_in_books=False) == "batch 1 is not in the books"


def test_windows_that_wait_for_their_closing_batch_run_spark(folder: Path) -> None:
    write_log(folder, "commits", 1, {"nextBatchWatermarkMs": 6 * MINUTE})
    assert reason_to_run(folder, {"0": 2, "1": 3}) == "the watermark has moved since the last batch"


@pytest.mark.parametrize("damage", ["", "v9\n{}\n{}", "v1\n{", "v1\n{}"])
def test_a_damaged_checkpoint_runs_spark_so_that_it_can_refuse(folder: Path, damage: str) -> None:
    (folder / "offsets" / "1").write_text(damage)
    assert "offsets/1" in (reason_to_run(folder, {"0": 2, "1": 3}) or "")


def test_a_checkpoint_without_its_metadata_runs_spark_so_that_it_can_refuse(folder: Path) -> None:
    (folder / "metadata").unlink()
    assert "metadata" in (reason_to_run(folder, {"0": 2, "1": 3}) or "")


@pytest.mark.parametrize("metadata", ["", "{", "[]", "{}", '{"id": 1}', '{"id": "8f4a4e6e"}'])
def test_metadata_that_a_power_cut_has_damaged_runs_spark_so_that_it_can_refuse(folder: Path, metadata: str) -> None:
    (folder / "metadata").write_text(metadata)
    assert "metadata can't be read" in (reason_to_run(folder, {"0": 2, "1": 3}) or "")


@pytest.mark.parametrize("log", ["offsets", "commits"])
@pytest.mark.parametrize("content", ["", "v1", "v1\n[", "v1\n{}\n{}"])
def test_a_log_that_a_power_cut_has_damaged_runs_spark_so_that_it_can_refuse(
    folder: Path, log: str, content: str
) -> None:
    (folder / log / "1").write_text(content)
    assert f"{log}/1 can't be read" in (reason_to_run(folder, {"0": 2, "1": 3}) or "")


def test_offsets_that_are_lost_while_commits_are_there_run_spark_so_that_it_can_refuse(folder: Path) -> None:
    shutil.rmtree(folder / "offsets")
    assert "offsets/1 is missing" in (reason_to_run(folder, {"0": 0, "1": 0}) or "")


def test_what_a_person_asks_for_runs_whatever_the_checkpoint_is(folder: Path) -> None:
    (folder / "metadata").write_text("")
    assert decide(Checkpoint(folder), {"0": 2}, lambda *_: True, is_asked_for=True).reason == "a person asked for it"
