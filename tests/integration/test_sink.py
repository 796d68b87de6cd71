"""The sink's transaction, without Spark: windows are staged as its tasks do it, and committed by its driver's code."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest

from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline
from web_traffic.checkpoint import Batch
from web_traffic.errors import Fenced, LedgerMismatch, StagedWindowsLost
from web_traffic.warehouse.ledger import RunKey, RunLedger
from web_traffic.warehouse.locks import lock_pipeline
from web_traffic.warehouse.sink import _commit
from web_traffic.warehouse.staging import _copier
from web_traffic.windows import HIT_COLUMNS

Connection = psycopg.Connection[Any]
Stages = dict[UUID, int]

QUERY = UUID("11111111-1111-4111-8111-111111111111")
REBUILT = UUID("22222222-2222-4222-8222-222222222222")


@pytest.fixture
def connection(pipeline: Pipeline) -> Iterator[Connection]:
    with pipeline.connect() as connection:
        yield connection


@pytest.fixture
def run(pipeline: Pipeline) -> RunKey:
    """Return the run that the pipeline belongs to."""
    with pipeline.connect() as connection:
        return RunLedger.begin(connection, "test").key


def at(time: str) -> datetime:
    """Return an instant of 29 March 2026, when clocks went forward in Europe."""
    return datetime.fromisoformat(f"2026-03-29T{time}:00Z")


def batch(batch_id: int, watermark: str | None, query_id: UUID = QUERY) -> Batch:
    read = {"0": 10 * batch_id}, {"0": 10 * batch_id + 10}
    return Batch(query_id, batch_id, at("12:00"), *read, at(watermark) if watermark else None)


def stage(pipeline: Pipeline, *windows: tuple[str, str, str | None, int]) -> Stages:
    """Stage windows (start, host, referrer, hits) as one Spark task does."""
    rows = [
        dict(zip(HIT_COLUMNS, (at(start), at(start) + timedelta(minutes=5), *others), strict=True))
        for start, *others in windows
    ]
    instant = pa.timestamp("us", "UTC")
    types = zip(HIT_COLUMNS, (instant, instant, pa.string(), pa.string(), pa.int64()), strict=True)
    task = _copier("staged_window", pipeline.settings)
    [report] = task(iter([pa.RecordBatch.from_pylist(rows, pa.schema(types))]))
    return {UUID(row["stage_id"]): row["hits"] for row in report.to_pylist()}


def table(connection: Connection) -> list[tuple[str, str, str | None, int]]:
    rows = connection.execute(
        "SELECT window_start, host, referrer, num_hits FROM aggregated_web_traffic ORDER BY 1, 2"
    )
    return [(f"{start.astimezone(UTC):%H:%M}", *others) for start, *others in rows]


def ledger(connection: Connection) -> list[tuple[int, ...]]:
    """Return (batch, windows, emitted, superseded) of every batch, in the order of commits."""
    return connection.execute(
        "SELECT batch_id, windows, emitted, superseded FROM etl.batch ORDER BY committed_at"
    ).fetchall()


def sealed_until(connection: Connection) -> str:
    [(sealed,)] = connection.execute("SELECT sealed_until::text FROM etl.pipeline").fetchall()
    return str(sealed)


def staged(connection: Connection) -> int:
    [(number,)] = connection.execute("SELECT count(*) FROM etl.staged_window").fetchall()
    return int(number)


def test_a_batch_is_its_windows_its_ledger_row_and_its_seal(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    stages = stage(pipeline, ("00:00", "a.example", None, 3), ("00:00", "b.example", "x", 1))
    stages |= stage(pipeline, ("00:05", "a.example", "", 2))
    _commit(connection, batch(0, "00:10"), run, {}, stages)
    assert table(connection) == [
        ("00:00", "a.example", None, 3),
        ("00:00", "b.example", "x", 1),
        ("00:05", "a.example", "", 2),
    ]
    assert ledger(connection) == [(0, 3, 6, 0)]
    assert sealed_until(connection) == "2026-03-29 00:10:00+00"
    assert staged(connection) == 0


def test_a_batch_that_is_staged_again_is_not_written_again(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    for _ in range(2):
        _commit(connection, batch(0, "00:05"), run, {}, stage(pipeline, ("00:00", "a.example", None, 3)))
    assert table(connection) == [("00:00", "a.example", None, 3)]
    assert ledger(connection) == [(0, 1, 3, 0)]
    assert staged(connection) == 0


def test_two_that_commit_the_same_batch_at_once_write_it_once(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    first, second = (stage(pipeline, ("00:00", "a.example", None, 3)) for _ in range(2))

    def commit_second() -> None:
        with pipeline.connect() as other:
            _commit(other, batch(0, "00:05"), run, {}, second)

    def second_waits() -> bool:
        waiters = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return pipeline.query(waiters) != []

    with ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            lock_pipeline(connection)
            commit = pool.submit(commit_second)
            wait_until(second_waits, "the second one waits", within=20)
            _commit(connection, batch(0, "00:05"), run, {}, first)
        commit.result(20)
    assert table(connection) == [("00:00", "a.example", None, 3)]
    assert ledger(connection) == [(0, 1, 3, 0)]


def test_windows_up_to_the_seal_are_superseded_when_a_new_checkpoint_brings_them_again(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    _commit(connection, batch(0, "00:10"), run, {}, stage(pipeline, ("00:05", "a.example", None, 3)))
    again = stage(
        pipeline,
        ("00:00", "b.example", None, 7),
        ("00:05", "a.example", None, 4),  # ends at the seal
        ("00:10", "a.example", None, 5),
    )
    _commit(connection, batch(0, "00:15", REBUILT), run, {}, again)
    assert table(connection) == [("00:05", "a.example", None, 3), ("00:10", "a.example", None, 5)]
    assert ledger(connection) == [(0, 1, 3, 0), (0, 1, 5, 11)]


def test_a_batch_whose_staged_windows_are_gone_commits_nothing_until_it_is_staged_again(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    windows = [("00:00", "a.example", None, 3), ("00:00", "b.example", None, 2)]
    kept, lost = (stage(pipeline, window) for window in windows)
    with pipeline.owner() as owner:  # as a crash of the server does to an unlogged table
        owner.execute("DELETE FROM etl.staged_window WHERE stage_id = ANY(%s)", [list(lost)])
    with pytest.raises(StagedWindowsLost, match=r"^batch 0: 5 hits were copied, but 3 are staged$"):
        _commit(connection, batch(0, "00:05"), run, {}, kept | lost)
    assert (table(connection), ledger(connection), sealed_until(connection)) == ([], [], "-infinity")

    _commit(connection, batch(0, "00:05"), run, {}, stage(pipeline, *windows))
    assert table(connection) == windows
    assert ledger(connection) == [(0, 2, 5, 0)]
    assert staged(connection) == 0


def test_a_window_that_is_there_already_and_not_sealed_fails_the_whole_batch(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    _commit(connection, batch(0, "00:00"), run, {}, stage(pipeline, ("00:00", "a.example", None, 3)))
    stages = stage(pipeline, ("00:00", "b.example", None, 1), ("00:00", "a.example", None, 4))
    with pytest.raises(psycopg.errors.UniqueViolation, match="aggregated_web_traffic_key"):
        _commit(connection, batch(1, "00:05"), run, {}, stages)
    assert table(connection) == [("00:00", "a.example", None, 3)]
    assert ledger(connection) == [(0, 1, 3, 0)]
    assert sealed_until(connection) == "2026-03-29 00:00:00+00"


def test_what_a_failed_attempt_has_staged_is_not_written_and_goes_with_the_next_batch(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    stage(pipeline, ("00:00", "a.example", None, 3))  # its task failed, and ran again
    _commit(connection, batch(0, "00:05"), run, {}, stage(pipeline, ("00:00", "a.example", None, 3)))
    assert table(connection) == [("00:00", "a.example", None, 3)]
    assert staged(connection) == 0


def test_the_seal_never_goes_back_and_waits_for_the_first_watermark(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    seals = []
    for batch_id, watermark in enumerate([None, "00:10", "00:05", None, "00:11"]):
        _commit(connection, batch(batch_id, watermark), run, {}, {})
        seals.append(sealed_until(connection).removeprefix("2026-03-29 ")[:5])
    assert seals == ["-infi", "00:10", "00:10", "00:10", "00:11"]
    assert [figures[1:] for figures in ledger(connection)] == [(0, 0, 0)] * 5


def test_a_session_is_in_utc_whatever_zone_the_server_or_the_machine_prefers(
    pipeline: Pipeline, run: RunKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pipeline.owner() as owner:
        name = owner.info.dbname
        owner.execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Kolkata'")
    monkeypatch.setenv("PGTZ", "America/New_York")
    monkeypatch.setenv("PGOPTIONS", "-c timezone=America/New_York")
    with pipeline.connect() as connection:
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
        _commit(connection, batch(0, "02:05"), run, {}, stage(pipeline, ("02:00", "a.example", None, 3)))
        assert table(connection) == [("02:00", "a.example", None, 3)]


def test_a_batch_is_refused_when_the_ledger_lacks_the_one_before(
    pipeline: Pipeline, connection: Connection, run: RunKey
) -> None:
    _commit(connection, batch(0, "00:00"), run, {}, {})
    with pytest.raises(LedgerMismatch, match="batch 2 was refused: batch 1 is not in the ledger"):
        _commit(connection, batch(2, "00:05"), run, {}, stage(pipeline, ("00:00", "a.example", None, 3)))
    assert table(connection) == []
    assert ledger(connection) == [(0, 0, 0, 0)]


def test_a_batch_is_refused_when_it_does_not_start_where_the_one_before_ended(
    connection: Connection, run: RunKey
) -> None:
    _commit(connection, batch(0, "00:00"), run, {}, {})
    later = replace(batch(1, "00:05"), start_offsets={"0": 12})
    with pytest.raises(LedgerMismatch, match=r"batch 1 was refused: it starts at {'0': 12}, .* ends at {'0': 10}"):
        _commit(connection, later, run, {}, {})
    with_a_new_partition = replace(batch(1, "00:05"), start_offsets={"0": 10, "1": 0})
    _commit(connection, with_a_new_partition, run, {}, {})
    assert [row[0] for row in ledger(connection)] == [0, 1]


def test_the_run_of_the_same_number_in_a_restored_database_is_another(connection: Connection, run: RunKey) -> None:
    of_another_time = run._replace(started_at=run.started_at - timedelta(minutes=5))
    with pytest.raises(Fenced, match="the database was restored from a copy"):
        _commit(connection, batch(0, "00:00"), of_another_time, {}, {})
    assert ledger(connection) == []
