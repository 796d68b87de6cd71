"""What the recount says of right and of wrong numbers, and when it can't be made."""

import socket
from collections import Counter
from datetime import datetime

import pytest

from tests.recounting import compare
from web_traffic.errors import RecountImpossible
from web_traffic.recount import Recount
from web_traffic.recount.expecting import Expected
from web_traffic.recount.rules import Window, microseconds
from web_traffic.recount.topic import read_topic
from web_traffic.settings import Settings

NOON = microseconds(datetime.fromisoformat("2026-01-01T12:00:00+00:00"))


def noon(host: str) -> Window:
    return Window(NOON, host, None)


def compared(expected: dict[str, int], found: dict[str, int]) -> Recount:
    return compare(
        Expected(windows=Counter({noon(host): hits for host, hits in expected.items()})),
        Counter({noon(host): hits for host, hits in found.items()}),
        sealed_until_us=None,
    )


def test_equal_numbers_are_right() -> None:
    outcome = compared({"a": 1, "b": 2}, {"a": 1, "b": 2})
    assert outcome.is_right
    assert str(outcome).endswith("RIGHT: all 2 closed windows are in the table, with exactly their hits.")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {},
            "1 of 1 windows missing from the table, such as\n  2026-01-01T12:00:00+00:00 a from None: 0 in the table",
        ),
        (
            {"a": 2, "b": 1},
            "1 of 2 windows in the table, but not in the events, such as\n  2026-01-01T12:00:00+00:00 b",
        ),
        (
            {"a": 3},
            "1 of 1 windows with another number of hits, such as\n  2026-01-01T12:00:00+00:00 a from None: 3 in",
        ),
    ],
)
def test_each_way_of_being_wrong_is_told(found: dict[str, int], said: str) -> None:
    outcome = compared({"a": 2}, found)
    assert not outcome.is_right
    assert f"WRONG: {said}" in str(outcome)


def test_another_high_water_mark_is_wrong() -> None:
    outcome = compare(Expected(sealed_until_us=NOON), Counter(), sealed_until_us=None)
    assert not outcome.is_right
    assert str(outcome).endswith("WRONG: sealed_until none in etl.pipeline, 2026-01-01T12:00:00+00:00 by the events")


def test_only_a_few_samples_are_kept() -> None:
    outcome = compared({str(number): 1 for number in range(50)}, {})
    assert outcome.missing.count == 50
    assert len(outcome.missing.samples) == 5


def test_a_broker_that_is_away_makes_the_recount_impossible(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    monkeypatch.setattr("web_traffic.recount.topic._TIMEOUT_SECONDS", 0.5)
    away = Settings.from_environment({"KAFKA_URL": f"127.0.0.1:{closed_port}"})
    with pytest.raises(RecountImpossible, match=f"Kafka at 127.0.0.1:{closed_port}: "):
        next(read_topic(away, {0: (0, 1)}))


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
