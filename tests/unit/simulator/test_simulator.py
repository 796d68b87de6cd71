"""The generator: same seed, same bytes; what it says of an event is true; the shares are what was asked for."""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from simulator import Event, Traffic, Truth, WindowHits
from simulator.__main__ import main
from simulator.damage import DAMAGES
from web_traffic.recount import Future, Hit, Rejected, classify

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
END = START + timedelta(hours=1)
SKEW_US = WINDOW_US = 300_000_000


def generate(count: int, *, seed: int = 7, **shares: float) -> list[Event]:
    return list(Traffic(seed, **shares).events(START, END, count))  # type: ignore[arg-type]


def judge(event: Event) -> Hit | Rejected | Future:
    """What independent rules say of an event."""
    return classify(event.value, event.timestamp_ms * 1000 + SKEW_US)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return generate(50_000)


def test_the_same_arguments_give_the_same_bytes(events: list[Event]) -> None:
    assert generate(50_000) == events


def test_another_seed_gives_other_bytes_at_other_times(events: list[Event]) -> None:
    others = generate(50_000, seed=8)
    assert {event.value for event in others}.isdisjoint(event.value for event in events if event.kind != "rejected")
    assert [event.timestamp_ms for event in others] != [event.timestamp_ms for event in events]


def test_a_call_does_not_depend_on_the_calls_before(events: list[Event]) -> None:
    traffic = Traffic(7)
    list(traffic.events(START, END, 10))
    assert list(traffic.events(START, END, 50_000)) == events


def test_exactly_the_number_asked_for_is_sent() -> None:
    assert [len(generate(count)) for count in (0, 1, 719, 8192, 8193)] == [0, 1, 719, 8192, 8193]


def test_events_stand_in_their_stretch_in_the_order_of_arrival(events: list[Event]) -> None:
    places = [event.timestamp_ms for event in events]
    assert all(one <= other for one, other in pairwise(places))
    assert START.timestamp() * 1000 <= places[0]
    assert places[-1] < END.timestamp() * 1000


def test_shares_are_a_hundredth_late_three_thousandths_malformed_one_thousandth_future(events: list[Event]) -> None:
    kinds = Counter(event.kind for event in events)
    assert kinds["late"] / len(events) == pytest.approx(0.01, rel=0.2)
    assert kinds["rejected"] / len(events) == pytest.approx(0.003, rel=0.3)
    assert kinds["future"] / len(events) == pytest.approx(0.001, rel=0.5)


def test_shares_can_be_all_or_nothing() -> None:
    assert {event.kind for event in generate(1_000, late=0, malformed=0, future=0)} == {"valid"}
    assert {event.kind for event in generate(1_000, late=0, malformed=1, future=0)} == {"rejected"}


def test_what_an_event_says_of_itself_is_what_independent_rules_find() -> None:
    for event in generate(20_000, late=0.2, malformed=0.1, future=0.1):
        verdict = judge(event)
        match event.kind:
            case "rejected":
                assert isinstance(verdict, Rejected), event
            case "future":
                assert isinstance(verdict, Future), event
            case _:
                assert isinstance(verdict, Hit), event
                start_us, *key = verdict.window(WINDOW_US)
                found = (start_us // 1_000_000, *key)
                assert found == (event.window_start, event.host, event.referrer)


def test_late_events_are_2_to_20_minutes_behind_their_place_and_others_at_most_8_seconds() -> None:
    delays: dict[str, list[float]] = {"valid": [], "late": []}
    for event in generate(5_000, late=0.5, malformed=0, future=0):
        verdict = judge(event)
        assert isinstance(verdict, Hit)
        delays[event.kind].append(event.timestamp_ms / 1000 - verdict.event_us / 1_000_000)
    assert 119 <= min(delays["late"]) < 180
    assert 1140 < max(delays["late"]) <= 1201
    assert min(delays["valid"]) >= 0
    assert max(delays["valid"]) <= 9


def test_every_kind_of_damage_occurs_and_is_rejected() -> None:
    damaged = generate(2_000, late=0, malformed=1, future=0)
    assert {event.damage for event in damaged} == DAMAGES.keys()
    assert {event.damage for event in damaged if not isinstance(judge(event), Rejected)} == set()


def test_events_have_about_590_bytes_and_all_fields_as_strings(events: list[Event]) -> None:
    valid = [event.value for event in events if event.kind == "valid" and event.value]
    assert sum(map(len, valid)) / len(valid) == pytest.approx(590, rel=0.03)
    fields = json.loads(next(value for value in valid if b'"referrer":"h' in value))
    assert list(fields) == ["url", "referrer", "user_agent", "host", "ip", "headers", "event_time"]
    assert {type(text) for text in fields.values()} == {str}


def test_some_events_have_no_referrer_in_each_of_the_three_ways(events: list[Event]) -> None:
    valid = [json.loads(event.value) for event in events if event.kind == "valid" and event.value]
    ways = Counter(repr(fields.get("referrer", "no field")) for fields in valid)
    assert min(ways["'no field'"], ways["None"], ways["''"]) > 100


def test_every_allowed_form_of_a_time_occurs(events: list[Event]) -> None:
    times = [
        json.loads(event.value)["event_time"] for event in events[:5_000] if event.kind == "valid" and event.value
    ]
    assert {time[10] for time in times} == {"T", "t", " "}
    assert {len(time.partition(".")[2].rstrip("Zz")) for time in times if time[-1] in "Zz"} == {0, 1, 3, 6, 9}
    assert {time[-6:] for time in times if ":" in time[-6:] and time[-6] in "+-"} == {"+02:00", "+05:45", "-00:00"}


def test_hosts_follow_zipfs_law(events: list[Event]) -> None:
    (_, first), (_, second), *others = Counter(event.host for event in events).most_common()
    assert len(others) == 58
    assert first / second == pytest.approx(2, rel=0.1)
    assert first / len(events) == pytest.approx(0.21, rel=0.1)


@pytest.mark.parametrize(("hosts", "referrers"), [(1, 1), (500, 3_000)])
def test_the_numbers_of_hosts_and_referrers_are_as_asked(hosts: int, referrers: int) -> None:
    traffic = Traffic(7, hosts=hosts, referrers=referrers, late=0, malformed=0, future=0)
    events = list(traffic.events(START, END, 60_000))
    assert len({event.host for event in events}) == hosts
    assert referrers * 0.5 < len({event.referrer for event in events} - {None, ""}) <= referrers


def test_the_rate_has_bursts(events: list[Event]) -> None:
    per_minute = sorted(Counter(event.timestamp_ms // 60_000 for event in events).values())
    assert len(per_minute) == 60
    assert per_minute[-1] > 1.5 * per_minute[30]


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"late": -0.1}, "late, malformed and future must be 0 or more"),
        ({"late": 0.6, "malformed": 0.6}, "late, malformed and future must be 0 or more"),
        ({"hosts": 0}, "hosts and referrers must be 1 or more"),
    ],
)
def test_impossible_arguments_are_refused(shares: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Traffic(7, **shares)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [(START, START, "must be after start"), (START.replace(tzinfo=None), END, "needs a time zone")],
)
def test_an_impossible_stretch_is_refused(start: datetime, end: datetime, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        next(Traffic(7).events(start, end, 1))


def truth_of(events: Iterator[Event] | list[Event]) -> Truth:
    truth = Truth()
    for event in events:
        truth.add(event)
    return truth


def test_truth_is_what_independent_rules_count(events: list[Event]) -> None:
    truth = truth_of(events)
    verdicts = [judge(event) for event in events]
    hits = Counter(
        (verdict.window(WINDOW_US).start_us // 1_000_000, verdict.host, verdict.referrer)
        for verdict in verdicts
        if isinstance(verdict, Hit)
    )
    assert truth.hits == hits
    assert truth.sent == 50_000 == hits.total() + truth.rejected + truth.future
    assert truth.rejected == sum(isinstance(verdict, Rejected) for verdict in verdicts)
    assert truth.future == sum(isinstance(verdict, Future) for verdict in verdicts)
    assert truth.late == sum(event.kind == "late" for event in events)


def test_truth_survives_its_file(events: list[Event], tmp_path: Path) -> None:
    truth = truth_of(events)
    truth.write(tmp_path / "truth.ndjson")
    assert Truth.read(tmp_path / "truth.ndjson") == truth
    assert [file.name for file in tmp_path.iterdir()] == ["truth.ndjson"]


def test_truth_file_has_the_totals_and_then_a_line_for_each_window(tmp_path: Path) -> None:
    seconds = int(START.timestamp())
    truth = Truth(sent=6, rejected=2, future=1, late=1)
    truth.hits.update({(seconds, "ä.example", "x"): 2, (seconds, "ä.example", None): 1})
    truth.write(tmp_path / "truth.ndjson")
    assert (tmp_path / "truth.ndjson").read_text(encoding="utf-8").splitlines() == [
        '{"sent": 6, "rejected": 2, "future": 1, "late": 1}',
        '{"window_start": "2026-01-01T12:00:00+00:00", "host": "ä.example", "referrer": null, "num_hits": 1}',
        '{"window_start": "2026-01-01T12:00:00+00:00", "host": "ä.example", "referrer": "x", "num_hits": 2}',
    ]
    assert next(truth.windows()) == WindowHits(START, "ä.example", None, 1)


@pytest.mark.parametrize("command", [["produce", "--events", "1"], ["live", "--rate", "1"]])
def test_a_broker_that_is_away_is_one_line_and_exit_code_1(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("KAFKA_URL", url)
    monkeypatch.setattr("simulator.sending._ANSWER_SECONDS", 0.5)
    assert main(command) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"no Kafka broker answers at {url}: is it up?"


def test_a_stretch_that_has_not_come_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["produce", "--events", "1", "--end", "2999-01-01"]) == 1
    assert "--end 2999-01-01T00:00:00+00:00 has not come yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["produce", "--events", "-1"], "argument --events: '-1' is not a whole number"),
        (["produce", "--events", "1", "--end", "noon"], "argument --end: 'noon' is not a time such as"),
        (["live", "--rate", "0"], "argument --rate: '0' is not a number above 0"),
        (["live", "--rate", "fast"], "argument --rate: 'fast' is not a number above 0"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert said in capsys.readouterr().err
