"""What the page shows is what SQL says, and the sums behind it follow every change of the result table."""

import json
from datetime import timedelta

import psycopg
import pytest

from tests.showing import HOUR, MINUTES, NOON, Shown
from web_traffic.page.asking import reading
from web_traffic.page.overview import overview
from web_traffic.page.pipeline import lag, pipeline
from web_traffic.page.restatements import restatements
from web_traffic.page.traffic import traffic

INSERT_RUN = """
    INSERT INTO etl.run (name, status, started_at, ended_at, open_before, read, rejected, future, late, superseded,
        emitted, open_after, sealed_until)
    VALUES (%s, 'succeeded', %s, %s, 5, 100, 3, 2, 1, 0, 90, 9, %s)
"""
SUMS = """
    SELECT 'host', window_start, host, sum(num_hits) FROM etl.hits_by_host GROUP BY 2, 3 HAVING sum(num_hits) <> 0
    UNION ALL
    SELECT 'site', window_start, site, sum(num_hits) FROM etl.hits_by_site GROUP BY 2, 3 HAVING sum(num_hits) <> 0
"""
TRUE_SUMS = """
    SELECT 'host', window_start, host, sum(num_hits) FROM aggregated_web_traffic GROUP BY 2, 3
    UNION ALL
    SELECT 'site', window_start, etl.referring_site(referrer), sum(num_hits) FROM aggregated_web_traffic GROUP BY 2, 3
"""


def test_traffic_shows_the_hits_of_each_window_by_host(shown: Shown) -> None:
    shown.windows((0, "a.example", None, 3), (0, "a.example", "https://x.example/1", 4), (55, "b.example", None, 5))
    shown.windows((-5, "a.example", None, 100), (60, "a.example", None, 100))
    data = shown.traffic()
    assert (data["hits"], len(data["buckets"]), data["buckets"][0]) == (12, 12, NOON.timestamp())
    assert [(one["host"], one["hits"][0], one["hits"][-1]) for one in data["series"]] == [
        ("a.example", 7, 0),
        ("b.example", 0, 5),
    ]
    assert [(row["host"], row["hits"], row["share"]) for row in data["hosts"]] == [
        ("a.example", 7, 7 / 12),
        ("b.example", 5, 5 / 12),
    ]


def test_hosts_beyond_the_top_are_one_series(shown: Shown) -> None:
    shown.windows(*((0, f"{number}.example", None, 100 - number) for number in range(20)))
    series = shown.traffic()["series"]
    assert [one["host"] for one in series] == [*(f"{number}.example" for number in range(8)), None]
    assert series[-1]["hits"][0] == sum(100 - number for number in range(8, 20))


def test_the_change_is_against_as_much_of_the_range_before_as_is_closed_of_this_one(shown: Shown) -> None:
    shown.windows((0, "a.example", None, 30), (-60, "a.example", None, 20), (-55, "a.example", None, 1000))
    shown.seal(NOON + 9 * MINUTES)  # within a window, which is open then
    data = shown.traffic()
    assert (data["hits"], data["hits_before"], data["closed_until"]) == (30, 20, NOON + 5 * MINUTES)


def test_a_search_narrows_the_hosts_and_keeps_their_share_of_all_hits(shown: Shown) -> None:
    shown.windows((0, "shop.example", None, 1), (0, "SHOP-2.example", None, 2), (0, "news%.example", None, 7))
    data = shown.traffic(search="Shop")
    assert [(row["host"], row["share"]) for row in data["hosts"]] == [("SHOP-2.example", 0.2), ("shop.example", 0.1)]
    assert (data["hits"], data["hosts_found"]) == (3, 2)
    assert [row["host"] for row in shown.traffic(search="%")["hosts"]] == ["news%.example"]


def test_referrers_count_by_their_site(shown: Shown) -> None:
    shown.windows(
        (0, "a.example", "https://X.example/one?two", 1),
        (0, "a.example", "http://x.example:8080", 2),
        (0, "a.example", "https://x.example", 4),
        (0, "a.example", "not a url", 8),
        (0, "a.example", "", 16),
        (0, "a.example", None, 32),
    )
    assert {row["site"]: row["hits"] for row in shown.traffic()["sites"]} == {
        "x.example": 5,
        "x.example:8080": 2,
        "not a url": 8,
        "": 16,
        None: 32,
    }


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE aggregated_web_traffic SET num_hits = num_hits + 5 WHERE host = 'a.example'",
        "UPDATE aggregated_web_traffic SET host = 'c.example' WHERE referrer IS NULL",
        "DELETE FROM aggregated_web_traffic WHERE host = 'b.example'",
        "TRUNCATE aggregated_web_traffic",
    ],
)
def test_the_sums_follow_every_change_of_the_result_table(shown: Shown, change: str) -> None:
    shown.windows((0, "a.example", None, 3), (0, "b.example", "https://x.example/1", 4), (5, "a.example", "y", 5))
    assert sorted(shown.pipeline.query(SUMS), key=str) == sorted(shown.pipeline.query(TRUE_SUMS), key=str)
    shown.execute(change)
    assert sorted(shown.pipeline.query(SUMS), key=str) == sorted(shown.pipeline.query(TRUE_SUMS), key=str)


def test_a_database_without_any_run_shows_nothing_and_no_error(shown: Shown) -> None:
    data = shown.traffic()
    assert (data["sealed_until"], data["open_hits"], data["series"], data["hosts"]) == (None, None, [], [])
    with reading(shown.reader) as connection:
        assert pipeline(connection, HOUR, "none")["named"] == []
    assert shown.rejected()["events"] == []


def test_pipeline_shows_runs_newest_first_page_by_page(shown: Shown) -> None:
    starts = [NOON + number * timedelta(seconds=30) for number in range(60)]
    shown.execute(INSERT_RUN, *((f"run {number}", at, at, NOON) for number, at in enumerate(starts)))
    with reading(shown.reader) as connection:
        first = pipeline(connection, HOUR)
        second = pipeline(connection, HOUR, before=first["more_before"])
    names = [run["name"] for run in first["runs"] + second["runs"]]
    assert names == [f"run {number}" for number in reversed(range(60))]
    assert (len(first["runs"]), second["more_before"]) == (50, None)


def test_views_agree_until_when_windows_are_closed(shown: Shown) -> None:
    shown.seal(NOON + 7 * MINUTES)
    with reading(shown.reader) as connection:
        views = [view(connection, HOUR)["sealed_until"] for view in (traffic, pipeline)]
    assert views == [NOON + 5 * MINUTES] * 2


def test_traffic_says_from_when_windows_are_kept(shown: Shown) -> None:
    assert shown.traffic()["kept_from"] is None
    shown.execute("UPDATE etl.pipeline SET windows_kept_from = %s", (NOON,))
    assert shown.traffic()["kept_from"] == NOON


def test_pipeline_shows_the_books_of_the_run_that_a_link_names(shown: Shown) -> None:
    shown.execute(INSERT_RUN, ("scheduled__1", NOON, NOON + 9 * MINUTES, NOON))
    with reading(shown.reader) as connection:
        data = pipeline(connection, HOUR, "scheduled__1")
    [run] = data["named"]
    assert (run["read"], run["emitted"], run["open_after"], run["seconds"]) == (100, 90, 9, 540)


def test_the_delay_grows_while_no_run_succeeds(shown: Shown) -> None:
    for minute, sealed in ((-5, -10), (2, 0), (20, 15)):
        at = NOON + minute * MINUTES
        shown.execute(INSERT_RUN, (f"at {minute}", at, at, NOON + sealed * MINUTES))
    shown.execute(
        "INSERT INTO etl.run (name, status, started_at, ended_at) VALUES ('failed', 'failed', %s, %s)",
        (NOON + 7 * MINUTES, NOON + 8 * MINUTES),
    )
    with reading(shown.reader) as connection:
        delay = pipeline(connection, HOUR)["delay"]
    minutes = [((point["at"] - NOON.timestamp()) / 60, point["seconds"] / 60) for point in delay]
    assert minutes[:5] == [(0, 12), (5, 10), (10, 15), (15, 20), (20, 10)]
    assert minutes[-1] == (55, 45)


def test_the_state_is_of_the_newest_run_and_check(shown: Shown) -> None:
    with reading(shown.reader) as connection:
        assert overview(connection) == {
            **{
                "sealed_until": None,
                "open_hits": None,
                "kept_from": None,
                "newest_run": None,
                "newest_check": None,
                "late": 0,
                "dry_run": None,
            },
            "open_alerts": {"errors": 0, "warnings": 0, "silenced": 0},
        }
    shown.execute(INSERT_RUN, ("one", NOON, NOON, NOON), ("two", NOON + MINUTES, NOON + MINUTES, NOON + 7 * MINUTES))
    shown.execute(
        "INSERT INTO etl.quality_result (checked_at, run_name, run_id, table_name, rule, dimension, severity, status, "
        "condition, checked, offenders, sample) SELECT %s, name, run_id, %s, %s, 'volume', 'warn', %s, '', 1, 0, '[]' "
        "FROM etl.run WHERE name = %s",
        (NOON, "aggregated_web_traffic", "old", "failed", "one"),
        (NOON + MINUTES, "aggregated_web_traffic", "a", "warned", "two"),
        (NOON + MINUTES, "aggregated_web_traffic", "b", "passed", "two"),
        (NOON + 2 * MINUTES, "another_table", "c", "failed", "two"),
    )
    shown.execute("INSERT INTO etl.run (name, status, started_at) VALUES ('three', 'failed', %s)", (NOON,))
    shown.seal(NOON + 7 * MINUTES)
    with reading(shown.reader) as connection:
        state = overview(connection)
    assert (state["newest_run"]["name"], state["newest_run"]["status"]) == ("three", "failed")
    check = state["newest_check"]
    assert (check["run_name"], check["failed"], check["warned"]) == ("two", 0, 1)
    assert (state["sealed_until"], state["open_hits"], state["late"]) == (
        NOON + 5 * MINUTES,
        9,
        0,
    )  # late too long ago
    shown.execute("UPDATE etl.run SET started_at = now() WHERE name = %s", ("one",), ("two",))
    with reading(shown.reader) as connection:
        assert overview(connection)["late"] == 2
    restatement = "INSERT INTO etl.run (name, status, started_at, kind, dry_run) "
    restatement += "VALUES ('r', 'succeeded', %s, 'restate', %s)"
    for dry_run, late in ((True, 2), (False, 0)):
        shown.execute(restatement, (NOON, dry_run))
        with reading(shown.reader) as connection:
            state = overview(connection)
        assert (state["late"], state["dry_run"]) == (late, None)  # it was long ago


@pytest.mark.parametrize("name", ["scheduled__1", "web_traffic/scheduled__1"])
def test_a_link_finds_its_run_whether_or_not_the_name_has_the_id_of_the_dag(shown: Shown, name: str) -> None:
    shown.execute(INSERT_RUN, (name, NOON, NOON + 9 * MINUTES, NOON), ("a_dag/scheduled__1", NOON, NOON, NOON))
    with reading(shown.reader) as connection:
        assert [run["name"] for run in pipeline(connection, HOUR, name)["named"]] == [name]


def test_a_link_to_a_restatement_passes_over_a_live_run_of_the_same_name(shown: Shown) -> None:
    shown.execute(
        "INSERT INTO etl.run (name, status, started_at, kind, windows_changed) "
        "VALUES ('web_traffic/scheduled__1', 'succeeded', %s, 'restate', 0)",
        (NOON,),
    )
    shown.execute(INSERT_RUN, ("web_traffic/scheduled__1", NOON + MINUTES, NOON + 2 * MINUTES, NOON))
    with reading(shown.reader) as connection:
        assert restatements(connection, HOUR, "web_traffic/scheduled__1")["run"]["run_id"] == 1


def test_lag_is_what_no_batch_has_read(shown: Shown) -> None:
    shown.pipeline.produce(*[b"{}"] * 7)
    shown.execute(INSERT_RUN, ("run", NOON, NOON, NOON))
    assert lag(shown.reader)["lag"] == 7
    ends = json.dumps({one["partition"]: one["end"] for one in lag(shown.reader)["partitions"]})
    shown.execute(
        "INSERT INTO etl.batch (query_id, batch_id, run_id, planned_at, start_offsets, end_offsets, windows, emitted, "
        "superseded) SELECT gen_random_uuid(), 0, run_id, now(), '{}', %s, 0, 0, 0 FROM etl.run",
        (ends,),
    )
    shown.pipeline.produce(b"{}")
    assert lag(shown.reader)["lag"] == 1


def test_the_page_can_write_nothing(shown: Shown) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), reading(shown.reader) as connection:
        connection.execute("UPDATE etl.pipeline SET sealed_until = now()")


def test_restatements_show_what_changed_and_traffic_marks_it(shown: Shown) -> None:
    shown.windows((0, "a.example", None, 12))
    shown.execute(
        "INSERT INTO etl.run (name, status, started_at, ended_at, kind, windows_changed, hits_before, hits_after) "
        "VALUES ('web_traffic/manual__1', 'succeeded', %s, %s, 'restate', 2, 9, 12)",
        (NOON, NOON + MINUTES),
    )
    row = "INSERT INTO etl.restatement (run_id, window_start, host, old_hits, new_hits, reason) "
    row += "SELECT max(run_id), %s, %s, %s, %s, 'late events' FROM etl.run"
    shown.execute(row, (NOON, "a.example", 10, 12), (NOON, "b.example", None, 1))
    with reading(shown.reader) as connection:
        for name in ("", "web_traffic/manual__1"):
            data = restatements(connection, HOUR, name)
            assert data["run"]["name"] == "web_traffic/manual__1"
            assert [(change["host"], change["old_hits"], change["new_hits"]) for change in data["changes"]] == [
                ("a.example", 10, 12),
                ("b.example", None, 1),
            ]
    assert shown.traffic()["restated"] == [{"at": NOON.timestamp(), "hits": 3, "changes": 2}]
    assert shown.traffic(search="a.ex")["restated"] == [{"at": NOON.timestamp(), "hits": 2, "changes": 1}]
