"""Folders by the file systems of Spark: what is there, what is not, and what a person has to correct."""

from pathlib import Path

import pytest

from web_traffic.checkpoint import Checkpoint
from web_traffic.errors import CheckpointError, CheckpointOutOfReach, SettingsError
from web_traffic.rebuild import set_aside
from web_traffic.storage import Storage

pytestmark = pytest.mark.usefixtures("spark")


def test_files_are_read_and_listed_with_their_sizes(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for name, content in (("0", b""), ("1", b"v1\n\x00\xff")):
        (tmp_path / "log" / name).write_bytes(content)
    storage = Storage(f"file://{tmp_path}")
    assert storage.read("log/1") == b"v1\n\x00\xff"
    assert {name: size() for name, size in storage.list("log").items()} == {"0": 0, "1": 5}
    assert (storage.exists("log/1"), storage.exists("log/2"), storage.exists()) == (True, False, True)


def test_what_is_not_there_is_no_failure_of_the_store(tmp_path: Path) -> None:
    storage = Storage(f"file://{tmp_path}/none")
    for ask in (storage.read, storage.list):
        with pytest.raises(FileNotFoundError):
            ask("0")
    assert not storage.exists()
    (tmp_path / "empty").mkdir()
    assert Storage(f"file://{tmp_path}").list("empty") == {}


def test_a_file_that_does_not_fit_its_checksum_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"v1")
    (tmp_path / ".0.crc").write_bytes(b"crc\x00\x00\x00\x02\x00\x00\x00\x00\x01")
    with pytest.raises(CheckpointError, match="0 can't be read: ChecksumException"):
        Storage(f"file://{tmp_path}").read("0")


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("nosuch://host/checkpoint", 'No FileSystem for scheme "nosuch"'),
        ("s3a://bucket/checkpoint", "S3AFileSystem not found.*give Spark the jars"),
    ],
)
def test_a_file_system_that_spark_does_not_know_is_a_wrong_setting(location: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"CHECKPOINT_LOCATION: {location} can't be used .*{said}"):
        Storage(location)


def test_a_store_that_can_not_be_found_now_may_come_back() -> None:
    with pytest.raises(CheckpointOutOfReach, match=r"can't be used now.*nosuch"):
        Storage("hdfs://nosuch.invalid:8020/checkpoint")


def test_a_folder_never_moves_into_one_that_is_there(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with pytest.raises(CheckpointOutOfReach, match="one can't be renamed to"):
        Storage(f"file://{tmp_path}/one").rename(f"file://{tmp_path}/other")
    assert list((tmp_path / "other").iterdir()) == []


def test_a_checkpoint_that_is_set_aside_keeps_its_files_under_another_name(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "metadata").write_text("of Spark")
    set_aside(Checkpoint(f"file://{folder}"))
    [aside] = tmp_path.iterdir()
    assert aside.name.startswith("checkpoint.replaced-")
    assert (aside / "metadata").read_text() == "of Spark"


def test_checkpoints_that_are_set_aside_in_one_second_have_names_of_their_own(tmp_path: Path) -> None:
    for _ in range(3):
        (tmp_path / "checkpoint").mkdir()
        set_aside(Checkpoint(f"file://{tmp_path}/checkpoint"))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_checkpoint_that_is_not_there_needs_no_room(tmp_path: Path) -> None:
    set_aside(Checkpoint(f"file://{tmp_path}/checkpoint"))
    assert list(tmp_path.iterdir()) == []
