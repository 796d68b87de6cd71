"""A site that has gone quiet gets its last windows."""

import json
from datetime import UTC, datetime, timedelta

from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from tests.restating import changes, digest_of_checkpoint, figures, hits, restate, restating
from web_traffic.errors import EXIT_NEEDS_ATTENTION

IDLE = {"CLOSE_IDLE_WINDOWS": "true"}
SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)
SEALED_UNTIL = "SELECT sealed_until FROM etl.pipeline"


def refusal(pipeline: Pipeline) -> str:
    """Try to close idle windows in vain, and return what is said."""
    result = restating(pipeline).submit(**IDLE)
    assert result.returncode == EXIT_NEEDS_ATTENTION, result.stdout + result.stderr
    return result.stdout.splitlines()[-1]


def test_the_last_windows_are_written_and_closed_and_what_comes_later_for_them_needs_a_restatement(
    pipeline: Pipeline,
) -> None:
    assert "counted no event yet" in refusal(pipeline)
    pipeline.produce(event("00:01"), event("00:11", "b.example"), event("00:12"), at=SOON)
    pipeline.run()
    checkpoint = digest_of_checkpoint(pipeline)
    summary = restating(pipeline).run(**IDLE)
    assert figures(summary) == (2, 2, 0, 2)
    assert hits(pipeline) == {"00:00 a.example": 1, "00:10 a.example": 1, "00:10 b.example": 1}
    assert changes(pipeline) == [
        ("00:10", "a.example", None, 1, "new", "idle window closed"),
        ("00:10", "b.example", None, 1, "new", "idle window closed"),
    ]
    assert pipeline.query(SEALED_UNTIL) == [(datetime(2026, 3, 29, 0, 15, tzinfo=UTC),)]
    assert digest_of_checkpoint(pipeline) == checkpoint
    assert pipeline.recount().is_right
    assert "no window is open" in refusal(pipeline)

    pipeline.produce(event("00:13", "late.example"), event("00:30"), at=SOON + timedelta(minutes=9))
    assert "has work to do (2 new offsets)" in refusal(pipeline)
    later = pipeline.run()
    assert (later["superseded"], later["emitted"], later["late"]) == (3, 0, 0)
    assert "00:10 late.example" not in hits(pipeline)
    assert pipeline.recount().is_right
    restate(pipeline, "00:00", "00:15")
    assert hits(pipeline)["00:10 late.example"] == 1
    assert pipeline.recount().is_right


def test_a_window_that_is_not_over_by_the_clock_is_not_closed(pipeline: Pipeline) -> None:
    now = datetime.now(UTC)
    for at in (now - timedelta(minutes=30), now):
        pipeline.produce(json.dumps({"host": "a.example", "event_time": at.isoformat()}).encode())
    pipeline.run()
    assert "the window of the newest event ends at" in refusal(pipeline)
