"""Rejected events beyond the limit: the run goes on, their values are not kept, and a rule and the redrive say so."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.quality.rows import apply
from tests.integration.test_aggregate import event
from tests.integration.test_guard import delete_records
from tests.integration.test_retention import FOREVER, SOON, pruned
from tests.pipeline import Pipeline
from tests.redriving import ALL, redrive
from web_traffic.quality.runner import Result, Scope

LARGE = b"x" * 600_000
KEEP_A_DAY = replace(FOREVER, rejected=timedelta(days=1))


@pytest.fixture
def limited(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline that keeps a megabyte of rejected events."""
    pipeline.environment["REJECTED_LIMIT"] = "1"
    return pipeline


def run(pipeline: Pipeline, *values: bytes | None) -> Result:
    """Count records, and return what the rule says of this run."""
    pipeline.produce(*values, at=SOON, partition=0)
    run_id = pipeline.run()["run_id"]
    with pipeline.connect() as connection:
        return apply(connection, "rejected_kept", Scope("test", run_id))


def lengths(pipeline: Pipeline) -> list[int | None]:
    found = pipeline.query("SELECT octet_length(value) FROM etl.rejected_event ORDER BY record_offset")
    return [length for (length,) in found]


def test_beyond_the_limit_events_are_rejected_without_their_values_until_old_ones_are_gone(limited: Pipeline) -> None:
    assert run(limited, event("00:01")).status == "nothing to check"
    assert run(limited, LARGE, LARGE, event("00:02")).status == "passed"
    warned = run(limited, b"broken", None, event("00:08"))
    assert (warned.status, warned.observed) == ("warned", 1)
    assert lengths(limited) == [600_000, 600_000, None, None]
    assert redrive(limited, *ALL, "--dry-run").stdout.splitlines()[:2] == [
        "not JSON: 3 selected, 0 would go back; 2 stay: not JSON; "
        "1 stay: its value was not kept, because REJECTED_LIMIT was reached",
        "null value: 1 selected, 0 would go back; 1 stay: null value",
    ]
    delete_records(limited, 3)
    assert pruned(limited, KEEP_A_DAY, datetime.now(UTC) + timedelta(days=3)) == {"rejected events": 2}
    assert run(limited, b"broken").status == "passed"
    assert lengths(limited) == [None, None, 6]
    recount = limited.recount()
    assert recount.is_right, recount


def test_the_size_is_measured_anew_whatever_was_deleted_by_hand(limited: Pipeline) -> None:
    run(limited, LARGE, LARGE)
    with limited.owner() as connection:
        connection.execute("DELETE FROM etl.rejected_event")
    assert pruned(limited, FOREVER) == {}
    assert limited.query("SELECT bytes FROM etl.rejected_size") == [(0,)]
