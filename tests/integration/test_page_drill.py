"""The lists behind Traffic are what SQL says of the result table."""

import csv
from datetime import timedelta
from typing import Any

import pytest

from tests.showing import HOUR, NOON, Shown
from web_traffic.page.asking import reading
from web_traffic.page.lists import LISTED, Wanted, download, page
from web_traffic.page.ranges import BadRange, Range
from web_traffic.page.traffic import traffic


def rows(shown: Shown, wanted: Wanted, number: int = 0) -> list[dict[str, Any]]:
    with reading(shown.reader) as connection:
        found: list[dict[str, Any]] = page(connection, HOUR, wanted, number)["rows"]
        return found


def lines(shown: Shown, wanted: Wanted) -> list[list[str]]:
    return list(csv.reader("".join(download(shown.reader, HOUR, wanted)).splitlines()))


def test_a_host_has_referrers_and_these_have_windows(shown: Shown) -> None:
    shown.windows(
        (0, "a.example", "x", 3), (5, "a.example", "x", 4), (0, "a.example", None, 5), (0, "b.example", "x", 9)
    )
    referrers = rows(shown, Wanted("referrers", host="a.example"))
    assert [(row["referrer"], row["hits"], row["share"]) for row in referrers] == [("x", 7, 7 / 12), (None, 5, 5 / 12)]
    windows = rows(shown, Wanted("windows", host="a.example", referrer="x", sort="name"))
    assert [(row["window_start"], row["hits"]) for row in windows] == [(NOON + timedelta(minutes=5), 4), (NOON, 3)]
    assert [row["hits"] for row in rows(shown, Wanted("windows", host="a.example", no_referrer=True))] == [5]
    assert [row["hits"] for row in rows(shown, Wanted("windows", host="a.example"))] == [5, 4, 3]


@pytest.mark.parametrize(
    ("sort", "reverse", "order"),
    [
        ("hits", False, "bca"),
        ("hits", True, "acb"),
        ("name", False, "abc"),
        ("name", True, "cba"),
        ("change", False, "abc"),
        ("change", True, "cba"),
    ],
)
def test_hosts_are_sorted_either_way(shown: Shown, sort: Any, reverse: bool, order: str) -> None:
    shown.windows((0, "a", None, 1), (0, "b", None, 3), (0, "c", None, 2), (-60, "b", None, 3), (-60, "c", None, 9))
    shown.seal(HOUR.end)
    assert "".join(row["host"] for row in rows(shown, Wanted("hosts", sort=sort, reverse=reverse))) == order


def test_a_list_has_pages_and_its_file_has_all_rows(shown: Shown) -> None:
    shown.windows(*((0, f"{number:03}.example", None, 1) for number in range(LISTED + 5)))
    wanted = Wanted("hosts", sort="name")
    with reading(shown.reader) as connection:
        second = page(connection, HOUR, wanted, 1)
    assert (second["found"], second["pages"], len(second["rows"])) == (LISTED + 5, 2, 5)
    assert [line[0] for line in lines(shown, wanted)] == [
        "host",
        *(f"{number:03}.example" for number in range(LISTED + 5)),
    ]


def test_no_cell_of_a_file_is_a_formula_for_a_spreadsheet(shown: Shown) -> None:
    shown.windows((0, "a.example", "=1+1", 3), (0, "a.example", 'x,"y"', 2))
    assert lines(shown, Wanted("referrers", host="a.example"))[1:] == [["'=1+1", "3", "0.6"], ['x,"y"', "2", "0.4"]]


def test_the_result_table_itself_is_shown_for_a_day_at_most(shown: Shown) -> None:
    week = Range.of("7d", None, None, NOON)
    with reading(shown.reader) as connection, pytest.raises(BadRange, match="a day at most"):
        page(connection, week, Wanted("windows", host="a.example"), 0)
    with reading(shown.reader) as connection, pytest.raises(BadRange, match="page=-1"):
        page(connection, HOUR, Wanted("hosts"), -1)


def test_hits_are_compared_with_the_same_time_a_week_ago(shown: Shown) -> None:
    a_week = 7 * 24 * 60
    shown.windows((0, "a", None, 30), (-a_week, "a", None, 20), (-a_week + 55, "a", None, 1000), (-60, "a", None, 7))
    shown.seal(NOON + timedelta(minutes=9))
    with reading(shown.reader) as connection:
        assert traffic(connection, HOUR, against="week")["hits_before"] == 20
        assert traffic(connection, HOUR)["hits_before"] == 7
