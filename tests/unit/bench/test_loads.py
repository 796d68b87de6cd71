"""The events of the benchmark: what all engines read alike, and what the truth about them is."""

import json
from datetime import datetime

from bench.loads import START, Load
from simulator import Truth
from simulator.generator import Event


def events(load: Load) -> list[Event]:
    return list(load.generate())


def test_all_events_are_valid_and_in_one_form() -> None:
    found = events(Load("forms", 5_000))
    assert {event.kind for event in found} == {"valid"}
    for event in found:
        time = json.loads(event.value or b"")["event_time"]
        assert "T" in time
        assert time.endswith("Z")
        assert datetime.fromisoformat(time).timestamp() // 300 * 300 == event.window_start


def test_unique_events_have_a_referrer_each_and_lie_in_one_window() -> None:
    found = events(Load("unique", 5_000, minutes=0, is_unique=True))
    assert len({event.referrer for event in found}) == 5_000
    assert {event.window_start for event in found} <= {int(START.timestamp()), int(START.timestamp()) - 300}
    assert all(json.loads(event.value or b"")["referrer"] == event.referrer for event in found)


def test_the_last_window_is_not_closed() -> None:
    load = Load("closed", 5_000, minutes=10)
    truth = Truth()
    for event in events(load):
        truth.add(event)
    closed = {key[0] for key in load.closed(truth)}
    assert {key[0] for key in truth.hits} - closed == {int(START.timestamp()) + 600}
