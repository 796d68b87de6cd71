"""Reading Spark's checkpoint files, with the file systems of Spark."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from web_traffic.checkpoint import Checkpoint
from web_traffic.errors import CheckpointError

pytestmark = pytest.mark.usefixtures("spark")
PLAN = {"batchWatermarkMs": 0, "batchTimestampMs": 1_774_785_600_000, "conf": {}}


def write(file: Path, *lines: object, prefix: str = "") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(prefix + "\n".join(["v1", *map(json.dumps, lines)]))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    (tmp_path / "metadata").write_text('{"id": "8f4a4e6e-6a5b-4a6e-9d38-5b8f4f5d0a11"}')
    write(tmp_path / "sources" / "0" / "0", {"traffic": {"0": 100}}, prefix="\0")
    write(tmp_path / "offsets" / "0", PLAN, {"traffic": {"0": 105}})
    write(tmp_path / "offsets" / "1", PLAN | {"batchWatermarkMs": 1_774_785_539_999}, {"traffic": {"0": 107, "1": 3}})
    return Checkpoint(f"file://{tmp_path}")


def test_the_first_batch_starts_where_the_source_began(checkpoint: Checkpoint) -> None:
    batch = checkpoint.batch(0)
    assert (batch.start_offsets, batch.end_offsets, batch.watermark) == ({"0": 100}, {"0": 105}, None)
    assert batch.planned_at == datetime(2026, 3, 29, 12, tzinfo=UTC)


def test_a_later_batch_starts_where_the_one_before_ended_and_a_new_partition_at_zero(checkpoint: Checkpoint) -> None:
    batch = checkpoint.batch(1)
    assert (batch.start_offsets, batch.end_offsets) == ({"0": 105, "1": 0}, {"0": 107, "1": 3})
    assert batch.watermark == datetime(2026, 3, 29, 11, 58, 59, 999_000, UTC)


def test_a_batch_that_was_never_planned_is_an_error_with_the_file_name(checkpoint: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match="offsets/2"):
        checkpoint.batch(2)


def test_a_checkpoint_that_does_not_exist_yet_has_nothing(tmp_path: Path) -> None:
    checkpoint = Checkpoint(f"file://{tmp_path}/none")
    assert (checkpoint.query_id, checkpoint.newest_planned(), checkpoint.newest_committed()) == (None, None, None)


def test_hidden_checksum_and_temporary_files_are_no_batches(checkpoint: Checkpoint, tmp_path: Path) -> None:
    for name in (".1.crc", ".2.tmp", "3.compact"):
        (tmp_path / "offsets" / name).touch()
    assert checkpoint.newest_planned() == 1


HDFS_BACKED = {
    "spark.sql.streaming.stateStore.providerClass": "org.apache.spark.HDFSBackedStateStoreProvider",
    "spark.sql.shuffle.partitions": "2",
}


@pytest.fixture
def with_state(checkpoint: Checkpoint, tmp_path: Path) -> Checkpoint:
    """Return a checkpoint whose state after batch 1 is version 2."""
    for batch_id in (0, 1):
        write(tmp_path / "offsets" / str(batch_id), PLAN | {"conf": HDFS_BACKED}, {"traffic": {"0": 105}})
        write(tmp_path / "commits" / str(batch_id), {"nextBatchWatermarkMs": 0})
        for partition in (0, 1):
            write(tmp_path / "state/0" / str(partition) / f"{batch_id + 1}.delta")
    return checkpoint


def test_a_checkpoint_that_is_whole_has_no_damage(checkpoint: Checkpoint, with_state: Checkpoint) -> None:
    assert with_state.damage() is None
    assert Checkpoint(f"{with_state.location}/none").damage() is None


def test_a_snapshot_stands_for_all_versions_before_it(with_state: Checkpoint, tmp_path: Path) -> None:
    state = tmp_path / "state/0/1"
    (state / "1.delta").unlink()
    assert with_state.damage() == f"{with_state.location}/state/0/1/1.delta is missing or empty"
    write(state / "2.snapshot")
    assert with_state.damage() is None


@pytest.mark.parametrize("lost", ["state", "state/0/0", "state/0/1/2.delta"])
def test_state_that_is_missing_is_damage(with_state: Checkpoint, tmp_path: Path, lost: str) -> None:
    path = tmp_path / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "is missing or empty" in (with_state.damage() or "")


def test_a_batch_that_comes_again_needs_the_state_before_it(with_state: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "commits" / "1").unlink()
    (tmp_path / "state/0/0/2.delta").write_text("")
    assert with_state.damage() is None
    (tmp_path / "state/0/0/1.delta").write_text("")
    assert with_state.damage() == f"{with_state.location}/state/0/0/1.delta is missing or empty"


@pytest.mark.parametrize("content", ["", "v9\n{}\n{}", "v1", "v1\n{", "v1\n[", "v1\n{}", "v1\n{}\n{}"])
@pytest.mark.parametrize("file", ["offsets/1", "commits/1"])
def test_a_log_that_a_power_cut_has_cut_is_damage(
    with_state: Checkpoint, tmp_path: Path, file: str, content: str
) -> None:
    (tmp_path / file).write_text(content)
    assert f"{file}" in (with_state.damage() or "")


@pytest.mark.parametrize("metadata", ["", "{", "[]", "{}", '{"id": 1}', '{"id": "8f4a4e6e"}'])
def test_metadata_that_a_power_cut_has_cut_is_damage(with_state: Checkpoint, tmp_path: Path, metadata: str) -> None:
    (tmp_path / "metadata").write_text(metadata)
    assert "metadata can't be read" in (with_state.damage() or "")


@pytest.mark.parametrize(("lost", "said"), [("metadata", "metadata is missing"), ("offsets", "offsets/1 is missing")])
def test_a_part_that_is_lost_is_damage(with_state: Checkpoint, tmp_path: Path, lost: str, said: str) -> None:
    path = tmp_path / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert said in (with_state.damage() or "")


@pytest.mark.parametrize(("watermark", "committed", "has_work"), [(0, 1, False), (60_000, 1, True), (0, 0, True)])
def test_a_planned_batch_and_windows_that_can_be_closed_are_work_that_needs_no_record(
    with_state: Checkpoint, tmp_path: Path, watermark: int, committed: int, has_work: bool
) -> None:
    write(tmp_path / "commits/1", {"nextBatchWatermarkMs": watermark})
    if committed == 0:
        (tmp_path / "commits/1").unlink()
    assert with_state.has_work() == has_work


def test_a_checkpoint_without_a_batch_has_no_work(tmp_path: Path) -> None:
    assert not Checkpoint(f"file://{tmp_path}/none").has_work()
