"""A checkpoint that a power cut or a full disk has damaged, wherever it is, is refused, and its way out works."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.test_aggregate import event
from tests.integration.test_guard import refusal
from tests.pipeline import Pipeline
from web_traffic.gate import Decision


def newest(folder: Path, suffix: str = "") -> Path:
    """Return the file of a log or of a state with the highest number."""
    return max(folder.glob(f"[0-9]*{suffix}"), key=lambda file: int(file.name.removesuffix(suffix)))


def without_checksum(file: Path) -> Path:
    """Return a file that Hadoop won't check, as on file systems that have no checksums."""
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    return file


def cut(file: Path, length: int = 0) -> None:
    file.write_bytes(file.read_bytes()[:length])


def lose_state(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint / "state")


def lose_state_of_a_partition(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint / "state/0/1")


def lose_a_delta(checkpoint: Path) -> None:
    newest(checkpoint / "state/0/0", ".delta").unlink()


def lose_an_old_delta(checkpoint: Path) -> None:
    (checkpoint / "state/0/0/1.delta").unlink()


def empty_a_delta(checkpoint: Path) -> None:
    cut(newest(checkpoint / "state/0/0", ".delta"))


def cut_a_delta(checkpoint: Path) -> None:
    cut(without_checksum(newest(checkpoint / "state/0/0", ".delta")), 20)


def cut_a_delta_with_a_checksum(checkpoint: Path) -> None:
    cut(newest(checkpoint / "state/0/0", ".delta"), 20)


def scramble_a_delta(checkpoint: Path) -> None:
    without_checksum(newest(checkpoint / "state/0/0", ".delta")).write_bytes(b"\x00" * 60)


def cut_operator_metadata(checkpoint: Path) -> None:
    cut(without_checksum(checkpoint / "state/0/_metadata/metadata"), 10)


def cut_state_schema(checkpoint: Path) -> None:
    cut(without_checksum(checkpoint / "state/0/0/_metadata/schema"), 10)


def empty_metadata(checkpoint: Path) -> None:
    cut(checkpoint / "metadata")


def metadata_without_id(checkpoint: Path) -> None:
    (checkpoint / "metadata").write_text("{}")


def lose_offsets(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint / "offsets")


def empty_the_newest_offsets(checkpoint: Path) -> None:
    cut(newest(checkpoint / "offsets"))


def empty_the_newest_commit(checkpoint: Path) -> None:
    cut(newest(checkpoint / "commits"))


def lose_offsets_before_the_newest(checkpoint: Path) -> None:
    (checkpoint / "offsets/0").unlink()


FOUND_BEFORE_SPARK = (
    lose_state,
    lose_state_of_a_partition,
    lose_a_delta,
    lose_an_old_delta,
    empty_a_delta,
    empty_metadata,
    metadata_without_id,
    lose_offsets,
    empty_the_newest_offsets,
    empty_the_newest_commit,
    lose_offsets_before_the_newest,
    cut_operator_metadata,
)
FOUND_BY_SPARK = (
    cut_a_delta,
    cut_a_delta_with_a_checksum,
    scramble_a_delta,
    cut_state_schema,
)
Damage = Callable[[Path], None]


@pytest.fixture
def ended(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline after a run that has left an open window."""
    pipeline.produce(event("00:01"), event("00:07"), event("00:07:30"))
    pipeline.run()
    return pipeline


def damaged(pipeline: Pipeline, damage: Damage) -> Pipeline:
    """Return the pipeline with a copy of its checkpoint, damaged."""
    copy = pipeline.checkpoint.with_name(damage.__name__)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(pipeline.checkpoint, copy)
    damage(copy)
    return replace(pipeline, environment=pipeline.environment | {"CHECKPOINT_LOCATION": str(copy)})


def not_refused(pipeline: Pipeline, damages: Iterable[Damage]) -> dict[str, str]:
    """Return what runs have said that do not name the damage and its way out."""
    said = {damage.__name__: refusal(damaged(pipeline, damage)) for damage in damages}
    ways = ("CheckpointMismatch: the checkpoint is damaged: ", "; run once with rebuild_checkpoint: ")
    return {name: text for name, text in said.items() if not all(way in text for way in ways)}


def test_what_is_missing_or_empty_is_found_before_spark(ended: Pipeline) -> None:
    assert not_refused(ended, FOUND_BEFORE_SPARK) == {}


def test_damage_that_a_run_has_found_is_not_skipped_even_if_nothing_is_new(ended: Pipeline) -> None:
    assert not ended.ask_gate().must_run
    lose_offsets(ended.checkpoint)
    assert "the checkpoint is damaged" in refusal(ended)
    assert ended.ask_gate() == Decision(True, "run 2 has not closed its books", 0)


def test_damage_inside_of_a_file_is_refused_when_spark_finds_it(ended: Pipeline) -> None:
    ended.produce(event("00:08"))
    assert not_refused(ended, FOUND_BY_SPARK) == {}


@pytest.mark.parametrize("damage", [lose_state, cut_a_delta, empty_metadata, lose_offsets])
def test_a_rebuild_of_a_damaged_checkpoint_brings_all_back(ended: Pipeline, damage: Damage) -> None:
    damage(ended.checkpoint)
    ended.produce(event("00:08"))
    ended.run(REBUILD_CHECKPOINT="true")
    ended.produce(event("00:13"))
    ended.run()
    assert sorted(ended.windows().values()) == [1, 3]
    recount = ended.recount()
    assert recount.is_right, recount
