"""What the page shows is what SQL says, and the sums behind it follow every change of the result table."""

import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local_stack import Stack
from tests.pipeline import Pipeline, make_pipeline
from web_traffic.page.asking import reading
from web_traffic.page.pipeline import lag, pipeline
from web_traffic.page.quality import alerts, quality
from web_traffic.page.ranges import Range
from web_traffic.page.rejected import LISTED, Cursor, download, rejected
from web_traffic.page.restatements import restatements
from web_traffic.page.traffic import traffic
from web_traffic.redrive.files import read_values
from web_traffic.settings import Settings

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
HOUR = Range(NOON, NOON + 60 * MINUTES, 5 * MINUTES)
INSERT_WINDOW = """
    INSERT INTO aggregated_web_traffic (window_start, window_end, host, referrer, num_hits)
    VALUES (%s, %s, %s, %s, %s)
"""
INSERT_REJECTED = """
    INSERT INTO etl.rejected_event (topic_id, topic, partition, record_offset, kafka_timestamp, reason,
        value, rejected_at)
    VALUES ('T', 'topic', 0, %s, %s, %s, %s, %s)
"""
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


class Shown:
    """A pipeline of its own, and the page over it."""

    def __init__(self, pipeline: Pipeline, reader: Settings) -> None:
        self.pipeline = pipeline
        self.reader = reader

    def execute(self, statement: str, *rows: tuple[Any, ...]) -> None:
        with self.pipeline.owner() as connection, connection.cursor() as cursor:
            if rows:
                cursor.executemany(statement, rows)
            else:
                cursor.execute(statement)

    def windows(self, *windows: tuple[int, str, str | None, int]) -> None:
        """Enter windows: minutes after noon, host, referrer, hits."""
        at = [(NOON + minute * MINUTES, *rest) for minute, *rest in windows]
        self.execute(INSERT_WINDOW, *((start, start + 5 * MINUTES, *rest) for start, *rest in at))

    def seal(self, until: datetime) -> None:
        self.execute(f"UPDATE etl.pipeline SET sealed_until = '{until.isoformat()}'")

    def traffic(self, within: Range = HOUR, search: str = "") -> dict[str, Any]:
        with reading(self.reader) as connection:
            return traffic(connection, within, search)

    def rejected(self, reason: str = "", before: Cursor | None = None) -> dict[str, Any]:
        with reading(self.reader) as connection:
            return rejected(connection, HOUR, reason, before)


@pytest.fixture
def shown(stack: Stack, numbers: Iterator[int], tmp_path: Path) -> Shown:
    pipeline = make_pipeline(stack, f"page_{next(numbers)}", tmp_path / "checkpoint")
    reader = {"POSTGRES_USER": "web_traffic_reader", "POSTGRES_PASSWORD": stack.secrets.postgres_reader}
    return Shown(pipeline, Settings.from_environment(pipeline.environment | reader))


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


def test_pipeline_shows_the_books_of_the_run_that_a_link_names(shown: Shown) -> None:
    shown.execute(INSERT_RUN, ("scheduled__1", NOON, NOON + 9 * MINUTES, NOON))
    with reading(shown.reader) as connection:
        data = pipeline(connection, HOUR, "scheduled__1")
    [run] = data["named"]
    assert (run["read"], run["emitted"], run["open_after"], run["seconds"]) == (100, 90, 9, 540)
    assert data["delay"] == [{"at": NOON.timestamp(), "seconds": 540}]


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


def test_rejected_events_are_shown_newest_first_page_by_page_with_their_bytes(shown: Shown) -> None:
    value = b"<script>\x00\xff"
    shown.execute(
        INSERT_REJECTED, *((offset, NOON, "not JSON", value, NOON + MINUTES) for offset in range(LISTED + 7))
    )
    first = shown.rejected()
    last = first["events"][-1]
    second = shown.rejected(before=(last["rejected_at"], "T", 0, last["record_offset"]))
    offsets = [event["record_offset"] for event in first["events"] + second["events"]]
    assert offsets == list(reversed(range(LISTED + 7)))
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert b64decode(first["events"][0]["value"]) == value


def test_a_reason_narrows_the_list_and_leaves_the_counts(shown: Shown) -> None:
    shown.execute(INSERT_REJECTED, (1, NOON, "not JSON", b"{", NOON), (2, NOON, "host missing", b"{}", NOON))
    data = shown.rejected("host missing")
    assert [event["record_offset"] for event in data["events"]] == [2]
    assert data["reasons"] == [
        {"reason": "host missing", "events": 1, "redriven": 0},
        {"reason": "not JSON", "events": 1, "redriven": 0},
    ]


def test_the_download_is_whole_and_a_redrive_takes_it(shown: Shown, tmp_path: Path) -> None:
    values = [b"{" * 10_000, b"\x00\xff", None]
    shown.execute(INSERT_REJECTED, *((offset, NOON, "not JSON", value, NOON) for offset, value in enumerate(values)))
    file = tmp_path / "rejected_events.ndjson"
    file.write_text("".join(download(shown.reader, HOUR)))
    assert list(read_values(file, "other").values()) == values


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


def test_quality_shows_the_newest_result_of_each_rule_and_its_history(shown: Shown) -> None:
    result = (
        "INSERT INTO etl.quality_result (checked_at, run_name, table_name, rule, dimension, severity, status, "
        "condition, checked, offenders, sample) "
        "VALUES (%s, %s, 'hits', 'lag', 'freshness', 'warn', %s, 'little', 1, %s, '[{}]')"
    )
    shown.execute(result, (NOON, "one", "passed", 0), (NOON + 6 * MINUTES, "two", "warned", 1))
    with reading(shown.reader) as connection:
        data = quality(connection, HOUR)
    [rule] = data["rules"]
    assert (rule["status"], rule["offenders"], [check["status"] for check in rule["history"]]) == (
        "warned",
        1,
        ["passed", "warned"],
    )
    assert (data["warned"][:3], sum(data["failed"])) == ([0, 1, 0], 0)


def test_alerts_show_what_is_open_first_whenever_it_began(shown: Shown) -> None:
    alert = (
        "INSERT INTO etl.alert (key, severity, title, error, next_step, links, failure_ids, first_at, last_at, "
        "resolved_at, channels, unsent) "
        "VALUES (%s, 'error', 'failed', 'why', 'do', '{}', '{x}', %s, %s, %s, '{email}', '{}')"
    )
    long_ago = NOON - timedelta(days=9)
    shown.execute(
        alert,
        ("over", NOON, NOON, NOON),
        ("open", long_ago, long_ago, None),
        ("over long ago", long_ago, long_ago, long_ago),
    )
    with reading(shown.reader) as connection:
        assert [alert["key"] for alert in alerts(connection, HOUR)["alerts"]] == ["open", "over"]
