"""Restatements on the real Kafka and PostgreSQL."""

from datetime import UTC, datetime

import pytest

from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from tests.restating import changes, digest_of_checkpoint, figures, restate

IN_TIME = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)


@pytest.fixture
def late(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline that is sealed until 00:19, and whose live run has dropped three late events."""
    pipeline.produce(event("00:01"), event("00:02", "b.example"), event("00:06"), event("00:20"), at=IN_TIME)
    pipeline.run()
    pipeline.produce(event("00:03"), event("00:04", "late.example"), event("00:06:30"), at=IN_TIME)
    assert pipeline.run()["late"] == 3
    return pipeline


def test_late_events_come_in_and_each_changed_row_is_explained(late: Pipeline) -> None:
    checkpoint = digest_of_checkpoint(late)
    summary = restate(late, "00:00", "00:15", RUN_NAME="by hand")
    assert figures(summary) == (4, 3, 3, 6)
    assert (summary["name"], summary["kind"], summary["dry_run"]) == ("by hand", "restate", False)
    window, host = "2026-03-29T00:00:00+00:00", "a.example"
    assert len(summary["biggest_changes"]) == 3
    assert summary["biggest_changes"][0] == {"window_start": window, "host": host, "old_hits": 1, "new_hits": 2}
    assert changes(late) == [
        ("00:00", "a.example", 1, 2, "changed", "late events"),
        ("00:00", "late.example", None, 1, "new", "late events"),
        ("00:05", "a.example", 1, 2, "changed", "late events"),
    ]
    assert {(f"{start:%H:%M}", host): hits for (start, host, _), hits in late.windows().items()} == {
        ("00:00", "a.example"): 2,
        ("00:00", "b.example"): 1,
        ("00:00", "late.example"): 1,
        ("00:05", "a.example"): 2,
    }
    assert digest_of_checkpoint(late) == checkpoint

    again = restate(late, "00:00", "00:15")
    assert figures(again) == (4, 0, 6, 6)
    assert len(changes(late)) == 3
