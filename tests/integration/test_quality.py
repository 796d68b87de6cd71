"""Each rule on the real PostgreSQL: with rows that it passes, and with rows that it must find."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import web_traffic.quality
from local_stack import Stack
from local_stack.postgres import make_warehouse
from web_traffic.quality.rules import RULES, DQRule
from web_traffic.quality.runner import SAMPLE_SIZE, Result, check
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate

Connection = psycopg.Connection[Any]
Run = tuple[str, int | None, int | None]
Window = tuple[str, str, str | None]

BY_NAME = {rule.name: rule for rule in RULES}
A_WINDOW = ("00:00", "a.example", "x")


@pytest.fixture(scope="module")
def warehouse(stack: Stack) -> Settings:
    """Return the owner's settings of a database of its own, whose result table takes duplicates."""
    make_warehouse(stack, "quality_test")
    settings = Settings.from_environment(
        {
            "POSTGRES_URL": stack.postgres_url.removesuffix("web_traffic") + "quality_test",
            "POSTGRES_USER": "web_traffic_owner",
            "POSTGRES_PASSWORD": stack.secrets.postgres_owner,
        }
    )
    with connect(settings) as connection:
        migrate(connection)
        connection.execute("DROP INDEX public.aggregated_web_traffic_key")
    return settings


@pytest.fixture
def connection(warehouse: Settings) -> Iterator[Connection]:
    """Return a connection whose rows are gone after the test."""
    with connect(warehouse) as connection, connection.transaction(force_rollback=True):
        yield connection


def offenders(connection: Connection, name: str) -> list[dict[str, Any]]:
    [result] = check(connection, [BY_NAME[name]])
    assert result.offenders == len(result.sample)
    return result.sample


def add_runs(connection: Connection, *runs: Run) -> None:
    """Enter runs (status, late, dropped rows) in the books, the newest last."""
    for number, run in enumerate(runs, start=1):
        connection.execute(
            "INSERT INTO etl.run (name, status, late, dropped_rows) VALUES (%s, %s, %s, %s)", [f"run {number}", *run]
        )


def add_sealing_run(connection: Connection, sealed_until: str | None) -> None:
    """Enter a run that has sealed the windows of 29 March 2026 up to `HH:MM`; without one it has failed."""
    connection.execute(
        "INSERT INTO etl.run (name, status, sealed_until) VALUES ('test', %s, %s)",
        ["succeeded" if sealed_until else "failed", sealed_until and f"2026-03-29 {sealed_until}Z"],
    )


def add_windows(connection: Connection, *windows: Window) -> None:
    """Write windows (start, host, referrer) to the result table."""
    for start, host, referrer in windows:
        connection.execute(
            "INSERT INTO aggregated_web_traffic "
            "VALUES (%(start)s, %(start)s::timestamptz + interval '5 min', %(host)s, %(from)s, 1)",
            {"start": f"2026-03-29 {start}Z", "host": host, "from": referrer},
        )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_passes_on_a_database_in_which_nothing_has_run(connection: Connection, rule: DQRule) -> None:
    assert check(connection, [rule]) == [Result(rule, 0, [])]


def test_every_rule_has_its_query_and_every_query_its_rule() -> None:
    queries = [file.stem for file in Path(web_traffic.quality.__file__).with_name("sql").glob("*.sql")]
    assert sorted(queries) == sorted(rule.name for rule in RULES)


def test_a_rule_without_a_query_fails(connection: Connection) -> None:
    with pytest.raises(FileNotFoundError, match=r"no_such_rule\.sql"):
        check(connection, [DQRule("no_such_rule", "validity", "Nobody wrote it")])


@pytest.mark.parametrize(
    "runs",
    [
        [("succeeded", 0, 0)],
        [("succeeded", 5, 2)],
        [("failed", None, None), ("running", None, None), ("succeeded", -1, 0), ("succeeded", 0, 0)],
    ],
    ids=["nothing late", "late, as Spark says", "only the newest run counts"],
)
def test_books_that_close_pass(connection: Connection, runs: list[Run]) -> None:
    add_runs(connection, *runs)
    assert offenders(connection, "books_close") == []


@pytest.mark.parametrize(
    "run",
    [("failed", None, None), ("running", None, None), ("succeeded", -1, 3), ("succeeded", 0, 1), ("succeeded", 1, 0)],
    ids=["failed", "did not end", "more out than in", "Spark dropped rows", "Spark dropped nothing"],
)
def test_books_that_do_not_close_are_found(connection: Connection, run: Run) -> None:
    add_runs(connection, ("succeeded", 0, 0), run)
    [found] = offenders(connection, "books_close")
    assert (found["name"], found["status"], found["late"], found["dropped_rows"]) == ("run 2", *run)


def test_windows_that_differ_in_start_host_or_referrer_are_no_duplicates(connection: Connection) -> None:
    add_sealing_run(connection, "00:10")
    add_windows(connection, A_WINDOW, ("00:05", "a.example", "x"), ("00:00", "b.example", "x"))
    add_windows(connection, ("00:00", "a.example", ""), ("00:00", "a.example", None))
    assert offenders(connection, "no_duplicate_window") == []


@pytest.mark.parametrize("referrer", ["x", "", None])
def test_a_window_that_stands_there_twice_is_found_whatever_its_referrer(
    connection: Connection, referrer: str | None
) -> None:
    add_sealing_run(connection, "00:05")
    add_windows(connection, ("00:00", "a.example", referrer), ("00:00", "a.example", referrer), A_WINDOW)
    [found] = offenders(connection, "no_duplicate_window")
    copies = 3 if referrer == "x" else 2
    assert (found["host"], found["referrer"], found["rows_found"]) == ("a.example", referrer, copies)


@pytest.mark.parametrize(
    ("seals", "starts"),
    [
        (["00:10"], ["00:00", "00:05"]),
        (["00:05", "00:10"], ["00:05"]),
        (["00:05", None, "00:15"], ["00:05", "00:10"]),
        (["00:15", "00:15"], []),
    ],
    ids=["the first run", "two runs", "a failed one between them", "nothing new"],
)
def test_a_run_answers_for_the_windows_since_the_last_run_that_succeeded(
    connection: Connection, seals: list[str | None], starts: list[str]
) -> None:
    for seal in seals:
        add_sealing_run(connection, seal)
    for start in ("00:00", "00:05", "00:10", "00:15"):
        add_windows(connection, *[(start, "a.example", "x")] * 2)
    found = offenders(connection, "no_duplicate_window")
    assert sorted(f"{row['window_start']:%H:%M}" for row in found) == starts


@pytest.mark.parametrize(
    ("sealed_until", "found"),
    [
        ("'-infinity'", False),  # has never closed a window
        ("now() + interval '1 minute'", False),
        ("now() - interval '1 hour'", False),
        ("now() - interval '1 hour 1 second'", True),
    ],
)
def test_a_pipeline_is_fresh_for_an_hour_after_its_newest_window(
    connection: Connection, sealed_until: str, found: bool
) -> None:
    connection.execute(f"UPDATE etl.pipeline SET sealed_until = {sealed_until}")
    assert [row["name"] for row in offenders(connection, "fresh")] == ["web_traffic"] * found


def test_a_result_counts_all_offenders_and_keeps_the_first_few(connection: Connection) -> None:
    add_sealing_run(connection, "00:05")
    for number in range(SAMPLE_SIZE + 2):
        add_windows(connection, *[("00:00", f"{number}.example", None)] * 2)
    [passed, failed] = check(connection, [BY_NAME["fresh"], BY_NAME["no_duplicate_window"]])
    assert str(passed) == "fresh: passed"
    assert (failed.offenders, len(failed.sample)) == (SAMPLE_SIZE + 2, SAMPLE_SIZE)
    assert str(failed) == (
        f"no_duplicate_window: 7 offenders (A window, host and referrer has one row), such as {failed.sample[0]}"
    )
