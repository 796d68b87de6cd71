"""The rules with a memory, on seeded days of 288 windows each: no false alarm, and no spike or silent host missed."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.quality.rows import BY_NAME, Connection, add_hits
from web_traffic.quality.runner import Result, Scope, check

DAY = timedelta(days=1)
WINDOW = timedelta(minutes=5)
WINDOWS_OF_A_DAY = 288
FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)
HOSTS = {f"{number}.example": 400 / number for number in range(1, 21)}
"""Mean hits per window: from 400 of the busiest host to 20 of the quietest."""
RULES = [BY_NAME["volume_anomaly"], BY_NAME["hosts_vanished"]]

Hits = dict[tuple[datetime, str], int]


def ordinary_days(days: int, seed: int) -> Hits:
    """Hits of days that have their quiet and busy hours and their busier days, scattered as counts are."""
    chance = random.Random(seed)
    hits: Hits = {}
    for day in range(days):
        busy = chance.uniform(0.85, 1.15)
        for number in range(WINDOWS_OF_A_DAY):
            start = FIRST_DAY + day * DAY + number * WINDOW
            time_of_day = 1 - 0.7 * math.cos(2 * math.pi * number / WINDOWS_OF_A_DAY)
            for host, mean in HOSTS.items():
                expected = mean * busy * time_of_day
                if count := max(round(chance.gauss(expected, math.sqrt(expected))), 0):
                    hits[start, host] = count
    return hits


def write(connection: Connection, hits: Hits) -> None:
    add_hits(connection, ((start, host, count) for (start, host), count in hits.items()))
    connection.execute("ANALYZE aggregated_web_traffic")


def run_at(connection: Connection, end: datetime) -> dict[str, Result]:
    """Check the window that ends at `end`, as the run that has closed it does."""
    results = check(connection, RULES, Scope("test", 1, end - WINDOW, end))
    return {result.rule.name: result for result in results}


def runs_of(day: int) -> Iterator[datetime]:
    """Yield the ends of the windows of a day."""
    for number in range(WINDOWS_OF_A_DAY):
        yield FIRST_DAY + day * DAY + (number + 1) * WINDOW


def test_seven_ordinary_days_raise_no_alarm(connection: Connection) -> None:
    write(connection, ordinary_days(8, seed=5))
    statuses = [
        (end, name, result.sample)
        for day in range(1, 8)
        for end in runs_of(day)
        for name, result in run_at(connection, end).items()
        if result.status != "passed"
    ]
    assert statuses == []


def test_a_tenfold_spike_and_a_silent_host_are_found_in_a_day_of_runs(connection: Connection) -> None:
    hits = ordinary_days(2, seed=6)
    noon = FIRST_DAY + DAY + DAY / 2
    hits[noon, "7.example"] *= 10
    silent_from = noon + timedelta(hours=3)
    hits = {key: count for key, count in hits.items() if key[1] != "9.example" or key[0] < silent_from}
    write(connection, hits)
    results = {end: run_at(connection, end) for end in runs_of(1)}
    spikes = {(end - WINDOW, row["host"]) for end, found in results.items() for row in found["volume_anomaly"].sample}
    vanished = {(end, row["host"]) for end, found in results.items() for row in found["hosts_vanished"].sample}
    assert spikes == {(noon, "7.example")}
    hour_is_over = silent_from + timedelta(hours=1)
    assert vanished == {(end, "9.example") for end in results if end >= hour_is_over}


def test_no_rule_reads_the_whole_table(connection: Connection) -> None:
    write(connection, ordinary_days(8, seed=5))
    read = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'aggregated_web_traffic'"
    end = FIRST_DAY + 5 * DAY
    for rule in BY_NAME.values():
        before = connection.execute(read).fetchone()
        check(connection, [rule], Scope("test", 1, end - WINDOW, end))
        assert connection.execute(read).fetchone() == before, rule.name


@pytest.mark.parametrize("name", ["volume_anomaly", "hosts_vanished"])
def test_without_an_earlier_day_there_is_nothing_to_compare_with(connection: Connection, name: str) -> None:
    write(connection, ordinary_days(1, seed=7))
    assert run_at(connection, FIRST_DAY + DAY / 2)[name].status == "nothing to check"


def test_a_table_that_is_silent_altogether_has_no_vanished_host(connection: Connection) -> None:
    write(connection, {key: count for key, count in ordinary_days(2, seed=8).items() if key[0] < FIRST_DAY + DAY})
    assert run_at(connection, FIRST_DAY + DAY + DAY / 2)["hosts_vanished"].status == "nothing to check"
