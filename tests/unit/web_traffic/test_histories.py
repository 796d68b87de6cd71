"""Checkpoint against ledger: what fits, and what is wrong in every direction."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from web_traffic.checkpoint import Checkpoint
from web_traffic.histories import CHECKS, Histories, look_at
from web_traffic.kafka import Offsets
from web_traffic.warehouse.history import Entry, Fingerprint, Past, Span

pytestmark = pytest.mark.usefixtures("spark")
QUERY = UUID("8f4a4e6e-6a5b-4a6e-9d38-5b8f4f5d0a11")
OTHER = UUID("11111111-1111-4111-8111-111111111111")
SETTINGS = {"topic": "traffic", "state partitions": "2"}
PLANNED_MS = 1_774_785_600_000


def planned_at(number: int, world: int = 0) -> datetime:
    return datetime.fromtimestamp((PLANNED_MS + number + 1000 * world) / 1000, UTC)


def write_log(folder: Path, log: str, batch_id: int, *lines: dict) -> None:
    (folder / log).mkdir(parents=True, exist_ok=True)
    (folder / log / str(batch_id)).write_text("\n".join(["v1", *map(json.dumps, lines)]))


def checkpoint(folder: Path, planned: int, committed: int, start: int = 0) -> Checkpoint:
    """Write a checkpoint: each batch reads ten records; -1 stands for no batch."""
    (folder / "metadata").write_text(f'{{"id": "{QUERY}"}}')
    write_log(folder, "sources/0", 0, {"traffic": {"0": start}})
    for number in range(planned + 1):
        plan = {"batchWatermarkMs": 0, "batchTimestampMs": PLANNED_MS + number}
        write_log(folder, "offsets", number, plan, {"traffic": {"0": start + 10 * number + 10}})
    for number in range(committed + 1):
        write_log(folder, "commits", number, {"nextBatchWatermarkMs": 0})
    return Checkpoint(f"file://{folder}")


def ledger(newest: int, *, without: Sequence[int] = (), world: int = 0) -> list[Entry]:
    """Return the batches up to one, newest first."""
    return [
        Entry(number, planned_at(number, world), {"0": 10 * number}, {"0": 10 * number + 10})
        for number in range(newest, -1, -1)
        if number not in without
    ]


def wrong(
    found: Checkpoint,
    entries: list[Entry],
    *,
    writer: UUID | None = QUERY,
    known: Sequence[UUID] = (QUERY, OTHER),
    expected: Fingerprint = SETTINGS,
    needed: Offsets | None = None,
) -> str:
    """Return what the first check that fails says."""
    past = Past(dict.fromkeys(known, SETTINGS), entries, writer, 0)
    histories = Histories(found, look_at(found), past, expected, lambda: Span(needed, {}) if needed else None)
    return next(filter(None, (check(histories) for check in CHECKS)), "")


@pytest.mark.parametrize(
    ("planned", "committed", "entered"),
    [
        (2, 2, 2),  # a run has ended
        (3, 2, 2),  # killed before the sink
        (3, 2, 3),  # killed after it
        (0, -1, -1),  # the first batch was planned
        (0, -1, 0),  # and is in the ledger
        (-1, -1, -1),  # nothing was planned yet
        (3, -1, 2),  # the commit log is lost: Spark repeats the newest batch
    ],
)
def test_states_that_a_crash_leaves_fit(tmp_path: Path, planned: int, committed: int, entered: int) -> None:
    writer = QUERY if entered >= 0 else None
    assert wrong(checkpoint(tmp_path, planned, committed), ledger(entered), writer=writer) == ""


@pytest.mark.parametrize(
    ("planned", "committed", "entered"), [(2, 2, 1), (3, 2, 1), (5, 5, 0), (3, -1, 1), (1, 1, -1)]
)
def test_a_database_older_than_the_checkpoint(tmp_path: Path, planned: int, committed: int, entered: int) -> None:
    said = wrong(checkpoint(tmp_path, planned, committed), ledger(entered))
    assert said.startswith("the database is older than the checkpoint")
    assert f"it ends with batch {entered} of the query" in said


@pytest.mark.parametrize(("planned", "committed", "entered"), [(2, 2, 3), (2, 1, 3), (0, 0, 9)])
def test_a_checkpoint_older_than_the_database(tmp_path: Path, planned: int, committed: int, entered: int) -> None:
    said = wrong(checkpoint(tmp_path, planned, committed), ledger(entered))
    assert said.startswith("the checkpoint is older than the database")


def test_a_batch_of_the_same_number_and_offsets_that_was_planned_at_another_time(tmp_path: Path) -> None:
    assert "one of the two was restored" in wrong(checkpoint(tmp_path, 2, 2), ledger(2, world=1))


def test_a_batch_of_the_same_number_with_other_offsets(tmp_path: Path) -> None:
    assert "one of the two was restored" in wrong(checkpoint(tmp_path, 2, 2, start=5), ledger(2))


def test_a_checkpoint_that_was_replaced_since(tmp_path: Path) -> None:
    assert "was replaced by another one" in wrong(checkpoint(tmp_path, 2, 2), ledger(2), writer=OTHER)


def test_a_new_checkpoint_that_was_killed_before_its_first_batch_goes_on(tmp_path: Path) -> None:
    assert wrong(checkpoint(tmp_path, 0, -1), [], writer=OTHER, needed={"0": 3}) == ""
    assert wrong(checkpoint(tmp_path, -1, -1), [], writer=OTHER, needed={"0": 3}) == ""


def test_a_new_checkpoint_that_was_made_for_a_later_state_of_the_database(tmp_path: Path) -> None:
    said = wrong(checkpoint(tmp_path, 0, -1, start=20), [], writer=OTHER, needed={"0": 10})
    assert "after the first records of unsealed windows" in said


def test_batches_that_the_ledger_lacks(tmp_path: Path) -> None:
    said = wrong(checkpoint(tmp_path, 5, 5), ledger(5, without=[2, 3]))
    assert said == "the ledger lacks the batches between 1 and 4"


def test_records_between_two_batches(tmp_path: Path) -> None:
    entries = [entry if entry.batch_id else entry._replace(end_offsets={"0": 8}) for entry in ledger(2)]
    assert wrong(checkpoint(tmp_path, 2, 2), entries).startswith("in the ledger batch 1 starts at {'0': 10}, but")


def test_a_checkpoint_of_another_database(tmp_path: Path) -> None:
    assert "has fed another database" in wrong(checkpoint(tmp_path, 2, 2), [], known=[OTHER], writer=OTHER)


def test_no_checkpoint_where_there_was_one(tmp_path: Path) -> None:
    nothing = Checkpoint(f"file://{tmp_path}/none")
    assert "there is no checkpoint in" in wrong(nothing, [], writer=OTHER)
    assert wrong(nothing, [], writer=None, known=[]) == ""


def test_a_checkpoint_that_has_not_decided_where_it_begins_is_none(tmp_path: Path) -> None:
    (tmp_path / "metadata").write_text(f'{{"id": "{QUERY}"}}')
    assert "there is no checkpoint in" in wrong(Checkpoint(f"file://{tmp_path}"), [], writer=OTHER)
    assert wrong(Checkpoint(f"file://{tmp_path}"), [], writer=None) == ""


def test_settings_that_have_changed(tmp_path: Path) -> None:
    said = wrong(checkpoint(tmp_path, 2, 2), ledger(2), expected=SETTINGS | {"state partitions": "3"})
    assert "state partitions was 2, now 3" in said
