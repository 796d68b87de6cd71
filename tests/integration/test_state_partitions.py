"""Another number of state partitions, or state store: refused by a run, taken by a rebuild without a gap."""

from datetime import UTC, datetime

import pytest

from tests.integration.test_guard import refusal
from tests.pipeline import Pipeline

NIGHT = datetime(2026, 3, 29, tzinfo=UTC)


def state_partitions(pipeline: Pipeline) -> set[str]:
    return {folder.name for folder in (pipeline.checkpoint / "state" / "0").iterdir() if folder.name.isdecimal()}


def produce_hour(pipeline: Pipeline, hour: int) -> None:
    pipeline.produce_traffic(3_000, hour, NIGHT.replace(hour=hour), NIGHT.replace(hour=hour + 1))


def stores(pipeline: Pipeline) -> set[str]:
    """The kinds of state files of the checkpoint."""
    files = (pipeline.checkpoint / "state" / "0").glob("[0-9]*/*.*")
    return {file.suffix for file in files} & {".delta", ".snapshot", ".zip", ".changelog"}


@pytest.mark.parametrize(
    ("changed", "message", "partitions", "files"),
    [
        ({"SHUFFLE_PARTITIONS": "5"}, "state partitions was 2, now 5", set("01234"), {".delta"}),
        ({"STATE_STORE": "rocksdb"}, "state store was memory, now rocksdb", set("01"), {".zip"}),
    ],
)
def test_a_rebuild_changes_how_state_is_kept_and_all_windows_stay_right(
    pipeline: Pipeline, changed: dict[str, str], message: str, partitions: set[str], files: set[str]
) -> None:
    produce_hour(pipeline, 0)
    before = pipeline.run()
    assert (before["open_after"] > 0, state_partitions(pipeline)) == (True, {"0", "1"})
    produce_hour(pipeline, 1)
    assert message in refusal(pipeline, **changed)
    rebuilt = pipeline.run(REBUILD_CHECKPOINT="true", **changed)
    assert (rebuilt["status"], rebuilt["gap"]) == ("succeeded", None)
    assert (state_partitions(pipeline), stores(pipeline)) == (partitions, files)
    produce_hour(pipeline, 2)
    assert pipeline.run(**changed)["open_before"] == rebuilt["open_after"] > 0
    recount = pipeline.recount()
    assert recount.is_right, recount
