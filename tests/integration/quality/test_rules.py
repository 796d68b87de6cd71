"""Each rule on the real PostgreSQL: with rows that it passes, rows that it must find, and none."""

from pathlib import Path
from typing import Any

import pytest

import web_traffic.quality
from tests.integration.quality.rows import Connection, about, add_batch, add_run, add_windows, apply, at
from web_traffic.quality.rules import RULES, DQRule
from web_traffic.quality.runner import Scope, check


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_before_the_first_run_there_is_nothing_to_check(connection: Connection, rule: DQRule) -> None:
    [result] = check(connection, [rule], Scope("test"))
    assert (result.status, result.checked, result.observed, result.sample) == ("nothing to check", 0, None, [])


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if "aggregated_web_traffic" in rule.sql], ids=lambda rule: rule.name
)
def test_without_a_window_there_is_nothing_to_check(connection: Connection, rule: DQRule) -> None:
    add_windows(connection, "00:00", "00:05", num_hits=0)
    [result] = check(connection, [rule], about("00:10", "00:10", records_by_window={}))
    assert result.status == "nothing to check"


def test_every_query_has_its_rule() -> None:
    folder = Path(web_traffic.quality.__file__).with_name("sql") / "rules"
    queries = {file.read_text().rstrip(";\n") for file in folder.glob("*.sql")}
    assert queries == {rule.sql for rule in RULES}


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ({"late": 0, "dropped_rows": 0}, "passed"),
        ({"late": 5, "dropped_rows": 2}, "passed"),
        ({"late": 5, "dropped_rows": None}, "passed"),
        ({"status": "failed", "late": None, "dropped_rows": None}, "failed"),
        ({"status": "running", "late": None, "dropped_rows": None}, "failed"),
        ({"late": -1, "dropped_rows": 3}, "failed"),
        ({"late": -1, "dropped_rows": None}, "failed"),
        ({"late": 0, "dropped_rows": 1}, "failed"),
        ({"late": 1, "dropped_rows": 0}, "failed"),
    ],
)
def test_the_books_of_the_newest_run_close(connection: Connection, columns: dict[str, Any], status: str) -> None:
    add_run(connection, late=-7)
    run_id = add_run(connection, name="the newest", **columns)
    result = apply(connection, "books_close", about(run_id=run_id))
    assert result.status == status
    assert [row["name"] for row in result.sample] == ["the newest"] * (status == "failed")


@pytest.mark.parametrize(("records", "status"), [(99, "nothing to check"), (100, "warned")])
def test_a_window_without_rows_is_a_gap_when_the_topic_has_many_records_for_it(
    connection: Connection, records: int, status: str
) -> None:
    seen = {at("00:00").isoformat(): records}
    result = apply(connection, "no_gap", about(records_by_window=seen))
    assert result.status == status
    add_windows(connection, "00:00")
    assert apply(connection, "no_gap", about(records_by_window=seen)).status != "warned"


def test_windows_that_differ_in_start_host_or_referrer_are_no_duplicates(connection: Connection) -> None:
    add_windows(connection, "00:00", "00:05")
    add_windows(connection, "00:00", host="b.example")
    add_windows(connection, "00:00", referrer="")
    add_windows(connection, "00:00", referrer=None)
    result = apply(connection, "no_duplicate_window", about())
    assert (result.status, result.checked) == ("passed", 5)


@pytest.mark.parametrize("referrer", ["x", "", None])
def test_a_window_that_stands_there_twice_is_found_whatever_its_referrer(
    connection: Connection, referrer: str | None
) -> None:
    add_windows(connection, "00:00", "00:00", referrer=referrer)
    add_windows(connection, "00:05", referrer=referrer)
    result = apply(connection, "no_duplicate_window", about())
    assert (result.status, result.checked, result.offenders) == ("failed", 2, 1)
    assert (result.sample[0]["host"], result.sample[0]["referrer"], result.sample[0]["rows_found"]) == (
        "a.example",
        referrer,
        2,
    )


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("no_duplicate_window", {}, {}),
        ("window_shape", {}, {"minutes": 10}),
        ("hits_positive", {}, {"num_hits": 0}),
        ("host_present", {}, {"host": ""}),
    ],
)
def test_a_check_answers_for_its_own_windows_only(
    connection: Connection, name: str, right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    times = 2 if name == "no_duplicate_window" else 1
    add_windows(connection, *["00:00", "00:15"] * times, **wrong)
    add_windows(connection, "00:05", "00:10", **right)
    assert apply(connection, name, about("00:05", "00:15")).status == "passed"
    assert apply(connection, name, about("00:04", "00:15")).status == "failed"
    assert apply(connection, name, about("00:05", "00:20")).status == "failed"


@pytest.mark.parametrize("columns", [{"minutes": 4}, {"minutes": -5}, {"start": "00:01"}])
def test_a_window_of_another_shape_is_found(connection: Connection, columns: dict[str, Any]) -> None:
    add_windows(connection, columns.pop("start", "00:05"), **columns)
    assert apply(connection, "window_shape", about()).status == "failed"


@pytest.mark.parametrize(
    ("newest_event", "status", "minutes"),
    [("00:01", "passed", -59), ("02:00", "passed", 60), ("02:01", "failed", 61), (None, "nothing to check", None)],
)
def test_the_table_is_fresh_when_no_event_is_an_hour_newer(
    connection: Connection, newest_event: str | None, status: str, minutes: int | None
) -> None:
    observed = {"newest_event_at": at(newest_event).isoformat()} if newest_event else {}
    assert apply(connection, "fresh", about(**observed)).status == "nothing to check"  # no window was ever closed
    connection.execute("UPDATE etl.pipeline SET sealed_until = %s", [at("01:00")])
    result = apply(connection, "fresh", about(**observed))
    assert (result.status, result.observed) == (status, minutes)


@pytest.mark.parametrize(
    ("end", "status", "lag"), [(1_000_003, "passed", 1_000_000), (1_000_004, "warned", 1_000_001)]
)
def test_lag_is_what_no_batch_has_read_over_all_partitions(
    connection: Connection, end: int, status: str, lag: int
) -> None:
    add_batch(connection, add_run(connection), {"0": 10, "1": 2})
    result = apply(connection, "lag", about(end_offsets={"0": end, "1": 7, "2": 2}))
    assert (result.status, result.observed) == (status, lag)


@pytest.mark.parametrize(
    ("rule", "column", "highest"),
    [
        ("rejected_share_warning", "rejected", 10),
        ("rejected_share_error", "rejected", 200),
        ("future_share", "future", 10),
        ("late_share", "late", 10),
    ],
)
def test_a_share_may_be_as_high_as_its_limit(connection: Connection, rule: str, column: str, highest: int) -> None:
    passed = apply(connection, rule, about(run_id=add_run(connection, read=1000, **{column: highest})))
    assert (passed.status, passed.observed) == ("passed", highest / 1000)
    above = apply(connection, rule, about(run_id=add_run(connection, read=1000, **{column: highest + 1})))
    assert above.status == ("failed" if rule == "rejected_share_error" else "warned")
    few = apply(connection, rule, about(run_id=add_run(connection, read=999, **{column: 999})))
    assert few.status == "nothing to check"


A_ROW = {"host": "a.example", "referrer": "x", "num_hits": 1}


@pytest.mark.parametrize(
    ("recount", "status"),
    [
        ([A_ROW, {"host": "a.example", "referrer": None, "num_hits": 2}], "passed"),
        ([A_ROW, {"host": "a.example", "referrer": "", "num_hits": 2}], "failed"),
        ([A_ROW], "failed"),
        ([A_ROW, {"host": "a.example", "referrer": None, "num_hits": 3}], "failed"),
        ([A_ROW, {"host": "a.example", "referrer": None, "num_hits": 2}, {"host": "b", "num_hits": 1}], "failed"),
        ([], "failed"),
    ],
)
def test_the_sampled_window_is_what_its_recount_says(
    connection: Connection, recount: list[dict[str, Any]], status: str
) -> None:
    add_windows(connection, "00:05", "00:10")
    add_windows(connection, "00:05", referrer=None, num_hits=2)
    scope = about(sampled_window=at("00:05").isoformat(), recount=recount)
    assert apply(connection, "table_matches_topic", scope).status == status


@pytest.mark.parametrize(
    ("statement", "windows"),
    [
        ("SELECT 1", []),
        ("UPDATE aggregated_web_traffic SET num_hits = 5 WHERE window_start = '2026-03-29 00:05Z'", []),
        ("DELETE FROM etl.hits_by_host WHERE window_start = '2026-03-29 00:05Z'", ["00:05"]),
        ("INSERT INTO etl.hits_by_site VALUES ('2026-03-29 00:10Z', 'x', 1)", ["00:10"]),
        ("TRUNCATE etl.hits_by_host, etl.hits_by_site", ["00:05", "00:10"]),
        (
            "ALTER TABLE aggregated_web_traffic DISABLE TRIGGER USER; "
            "DELETE FROM aggregated_web_traffic WHERE window_start = '2026-03-29 00:10Z'",
            ["00:10"],
        ),
    ],
)
def test_windows_whose_sums_are_not_those_of_their_rows_are_found(
    connection: Connection, statement: str, windows: list[str]
) -> None:
    add_windows(connection, "00:00", "00:05", "00:10", "00:15")
    add_windows(connection, "00:05", referrer=None, host="b.example", num_hits=3)
    connection.execute("DELETE FROM etl.hits_by_host WHERE window_start IN ('2026-03-29 00:00Z', '2026-03-29 00:15Z')")
    connection.execute(statement.encode())
    result = apply(connection, "sums_match", about("00:05", "00:15"))
    assert (result.checked, result.status) == (2, "warned" if windows else "passed")
    assert sorted(row["window_start"][11:16] for row in result.sample) == windows


def test_the_sums_are_right_again_once_the_owner_has_made_them_anew(connection: Connection) -> None:
    add_windows(connection, "00:05", "00:10")
    connection.execute("TRUNCATE etl.hits_by_host")
    assert apply(connection, "sums_match", about()).status == "warned"
    connection.execute("SELECT etl.rebuild_sums()")
    assert apply(connection, "sums_match", about()).status == "passed"
