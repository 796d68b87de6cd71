"""A new number of state partitions: refused by a run, taken by a rebuild, without a gap or a doubled window."""

from datetime import UTC, datetime

from tests.integration.test_guard import refusal
from tests.pipeline import Pipeline

NIGHT = datetime(2026, 3, 29, tzinfo=UTC)


def state_partitions(pipeline: Pipeline) -> set[str]:
    return {folder.name for folder in (pipeline.checkpoint / "state" / "0").iterdir() if folder.name.isdecimal()}


def produce_hour(pipeline: Pipeline, hour: int) -> None:
    pipeline.produce_traffic(3_000, hour, NIGHT.replace(hour=hour), NIGHT.replace(hour=hour + 1))


def test_a_rebuild_changes_the_number_of_state_partitions_and_all_windows_stay_right(pipeline: Pipeline) -> None:
    produce_hour(pipeline, 0)
    before = pipeline.run()
    assert (before["open_after"] > 0, state_partitions(pipeline)) == (True, {"0", "1"})
    produce_hour(pipeline, 1)
    more = {"SHUFFLE_PARTITIONS": "5"}
    assert "state partitions was 2, now 5" in refusal(pipeline, **more)
    rebuilt = pipeline.run(REBUILD_CHECKPOINT="true", **more)
    assert (rebuilt["status"], rebuilt["gap"], state_partitions(pipeline)) == ("succeeded", None, set("01234"))
    produce_hour(pipeline, 2)
    assert pipeline.run(**more)["open_before"] == rebuilt["open_after"] > 0
    recount = pipeline.recount()
    assert recount.is_right, recount
