"""The page's lists: rejected events, results of rules, and alerts."""

from base64 import b64decode
from datetime import timedelta
from pathlib import Path

from tests.showing import HOUR, MINUTES, NOON, Shown
from web_traffic.page.asking import reading
from web_traffic.page.quality import alerts, quality
from web_traffic.page.rejected import LISTED, download
from web_traffic.redrive.files import read_values

INSERT_REJECTED = """
    INSERT INTO etl.rejected_event (topic_id, topic, partition, record_offset, kafka_timestamp, reason,
        value, rejected_at)
    VALUES ('T', 'topic', 0, %s, %s, %s, %s, %s)
"""


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
    in_first_bucket = [1, *[0] * 11]
    assert data["reasons"] == [
        {"reason": "host missing", "events": 1, "redriven": 0, "per_bucket": in_first_bucket},
        {"reason": "not JSON", "events": 1, "redriven": 0, "per_bucket": in_first_bucket},
    ]


def test_rejected_events_are_counted_over_time(shown: Shown) -> None:
    shown.execute(INSERT_REJECTED, *((at, NOON, "not JSON", b"{", NOON + at * MINUTES) for at in (0, 1, 7)))
    [reason] = shown.rejected()["reasons"]
    assert (reason["events"], reason["per_bucket"][:3]) == (3, [2, 1, 0])


def test_the_download_is_whole_and_a_redrive_takes_it(shown: Shown, tmp_path: Path) -> None:
    values = [b"{" * 10_000, b"\x00\xff", None]
    shown.execute(INSERT_REJECTED, *((offset, NOON, "not JSON", value, NOON) for offset, value in enumerate(values)))
    file = tmp_path / "rejected_events.ndjson"
    file.write_text("".join(download(shown.reader, HOUR)))
    assert list(read_values(file, "other").values()) == values


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
