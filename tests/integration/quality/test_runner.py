"""What becomes of the rules' results."""

from pathlib import Path

import psycopg
import pytest

from tests.integration.quality.rows import BY_NAME, Connection, about, add_run, add_windows, at
from web_traffic.errors import BadRule
from web_traffic.quality import topic
from web_traffic.quality.rules import RULES, DQRule
from web_traffic.quality.runner import SAMPLE_SIZE, Scope, check, keep
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.window_length import WINDOW

KEPT = """
    SELECT rule, status, observed, condition, offenders, jsonb_array_length(sample) FROM etl.quality_result ORDER BY 1
"""


def rule(folder: Path, query: str, name: str = "a_rule") -> DQRule:
    file = folder / f"{name}.sql"
    file.write_text(query)
    return DQRule(name, "validity", "error", "A test", "none", file=file)


def test_a_result_counts_all_offenders_and_keeps_the_first_few(connection: Connection) -> None:
    for number in range(SAMPLE_SIZE + 2):
        add_windows(connection, "00:00", "00:00", host=f"{number}.example")
    [failed, empty] = check(connection, [BY_NAME["no_duplicate_window"], BY_NAME["books_close"]], about())
    assert (failed.offenders, failed.observed, len(failed.sample)) == (SAMPLE_SIZE + 2, SAMPLE_SIZE + 2, SAMPLE_SIZE)
    assert failed.headline == (
        "no_duplicate_window: 7 of 7 offend (A window, host and referrer has one row: no duplicates)"
    )
    assert str(failed) == f"{failed.headline}, such as {failed.sample[0]}"
    assert str(empty) == "books_close: nothing to check"


def test_each_result_is_kept_with_what_was_checked(connection: Connection) -> None:
    add_windows(connection, "00:00", "00:00")
    scope = about("00:00", "00:05", run_id=add_run(connection, read=1000, rejected=20))
    names = ("no_duplicate_window", "rejected_share_warning", "books_close", "lag")
    results = check(connection, [BY_NAME[name] for name in names], scope)
    keep(connection, "aggregated_web_traffic", results, scope)
    assert connection.execute(KEPT).fetchall() == [
        ("books_close", "passed", 0, "books close", 0, 0),
        ("lag", "nothing to check", None, "at most 1,000,000 offsets", 0, 0),
        ("no_duplicate_window", "failed", 1, "no duplicates", 1, 1),
        ("rejected_share_warning", "warned", 0.02, "at most 1 %", 1, 1),
    ]
    about_what = "SELECT DISTINCT run_name, run_id, since, until, table_name FROM etl.quality_result"
    assert connection.execute(about_what).fetchall() == [
        ("test", scope.run_id, at("00:00"), at("00:05"), "aggregated_web_traffic")
    ]


def test_results_are_kept_all_or_none(connection: Connection) -> None:
    results = check(connection, RULES, about())
    with pytest.raises(psycopg.errors.NotNullViolation), connection.transaction():
        keep(connection, "a_table", results, Scope(run_name=None))  # type: ignore[arg-type]
    assert connection.execute(KEPT).fetchall() == []


def test_all_rules_of_a_table_take_one_round_trip(warehouse: Settings, tmp_path: Path) -> None:
    with connect(warehouse) as connection, (tmp_path / "trace").open("w+") as trace:
        connection.pgconn.trace(trace.fileno())
        check(connection, RULES, about())
        connection.pgconn.untrace()
        messages = [line.split("\t")[1:4:2] for line in (tmp_path / "trace").read_text().splitlines()]
    waits = messages.count(["F", "Sync"])
    assert messages.count(["F", "Execute"]) > len(RULES)
    assert waits <= 4  # one for all rules, the others for the transaction around them


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT no_such_column AS is_offender", 'column "no_such_column" does not exist'),
        ("SELECT 1 / 0 = 1 AS is_offender", "division by zero"),
        ("SELECT true AS is_offender FROM no_such_table", 'relation "no_such_table" does not exist'),
        (
            "WITH w AS (DELETE FROM etl.batch RETURNING 1) SELECT true AS is_offender FROM w",
            "must be at the top level",
        ),
    ],
)
def test_a_rule_that_postgresql_refuses_is_named(
    connection: Connection, tmp_path: Path, query: str, reason: str
) -> None:
    rules = [BY_NAME["books_close"], rule(tmp_path, query), BY_NAME["lag"]]
    with pytest.raises(BadRule, match=f"^rule a_rule: .*{reason}"):
        check(connection, rules, about())


def test_a_query_may_hold_a_percent_sign(connection: Connection, tmp_path: Path) -> None:
    [result] = check(connection, [rule(tmp_path, "SELECT 'a%s' LIKE 'a%' AS is_offender")], about())
    assert result.offenders == 1


def test_who_can_not_tell_has_not_checked(connection: Connection, tmp_path: Path) -> None:
    [result] = check(connection, [rule(tmp_path, "SELECT NULL::boolean AS is_offender")], about())
    assert result.status == "nothing to check"


@pytest.mark.parametrize(
    ("seals", "since", "until"),
    [
        ([], None, None),
        ([None], None, None),
        (["00:10"], "1970-01-01T00:00", "00:10"),
        (["00:05 checked", "00:10"], "00:05", "00:10"),
        (["00:05 checked", "00:10", None, "00:15"], "00:05", "00:15"),
        (["00:05 checked", "00:15 checked"], "00:05", "00:15"),
        (["00:15 checked", "00:15"], "00:15", "00:15"),
    ],
    ids=[
        "no run",
        "one that failed",
        "the first one",
        "one after another",
        "one that nobody has checked",
        "the check of the newest run comes again",
        "nothing new",
    ],
)
def test_a_check_answers_for_all_windows_since_the_last_run_that_was_checked(
    connection: Connection, seals: list[str | None], since: str | None, until: str | None
) -> None:
    for seal in seals:
        time, _, checked = (seal or "").partition(" ")
        run_id = add_run(connection, status="succeeded" if seal else "failed", sealed_until=at(time) if time else None)
        if checked:
            keep(connection, "aggregated_web_traffic", check(connection, RULES, about()), Scope("test", run_id))
    [(_, found_since, found_until)] = connection.execute(
        topic.statement("run_scope"), {"window_length": WINDOW}
    ).fetchall()
    expected = since and (at(since) if len(since) == 5 else at("00:00").fromisoformat(f"{since}+00:00"))
    assert (found_since, found_until) == (expected, until and at(until))
