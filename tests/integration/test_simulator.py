"""Traffic and a real broker: every event arrives once, or the command fails and says how many did not."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from uuid import uuid4

import pytest

from local_stack import Stack
from local_stack.environment import REPO
from local_stack.lifecycle import status
from simulator import Traffic, Truth
from tests.homes import own_stack
from web_traffic.kafka import end_offsets, ensure_topic
from web_traffic.recount.counting import Record
from web_traffic.recount.topic import read_topic
from web_traffic.settings import Settings

END = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
START = END - timedelta(hours=1)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with own_stack("traffic", "kafka") as stack:
        yield stack


@pytest.fixture
def topic(stack: Stack) -> dict[str, str]:
    """Make a topic for the test, and return the environment that leads there."""
    environment = os.environ | stack.job_environment() | {"KAFKA_TOPIC": f"traffic-{uuid4()}"}
    assert ensure_topic(Settings.from_environment(environment))
    return environment


def traffic(topic: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "simulator", *arguments]
    return subprocess.run(command, cwd=REPO, env=topic, capture_output=True, text=True, timeout=120, check=False)


def produce(topic: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    stretch = ("--start", START.isoformat(), "--end", END.isoformat())
    return traffic(topic, "produce", "--seed", "3", *stretch, *arguments)


@contextmanager
def live(topic: dict[str, str], rate: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "simulator", "live", "--rate", str(rate)]
    with subprocess.Popen(command, cwd=REPO, env=topic, stdout=PIPE, stderr=PIPE, text=True) as generator:
        try:
            yield generator
        finally:
            generator.kill()


def records(topic: dict[str, str]) -> list[Record]:
    settings = Settings.from_environment(topic)
    return list(read_topic(settings, {int(number): (0, end) for number, end in end_offsets(settings).items()}))


def arrived(topic: dict[str, str]) -> int:
    return sum(end_offsets(Settings.from_environment(topic)).values())


def broker_pid(stack: Stack) -> int | None:
    return next(state.pid for program, state in status(stack) if program.name == "kafka" and state)


def wait_until(condition: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.05)


def test_every_event_is_in_the_topic_with_its_bytes_and_its_place_in_the_stream(topic: dict[str, str]) -> None:
    assert produce(topic, "--events", "5000").returncode == 0
    sent = [(event.timestamp_ms, event.value) for event in Traffic(3).events(START, END, 5000)]
    found = [(record.timestamp_ms, record.value) for record in records(topic)]
    assert sorted(found, key=repr) == sorted(sent, key=repr)


def test_the_truth_is_written_and_the_summary_says_the_same(topic: dict[str, str], tmp_path: Path) -> None:
    said = produce(topic, "--events", "5000", "--truth", str(tmp_path / "truth.ndjson")).stdout
    truth = Truth()
    for event in Traffic(3).events(START, END, 5000):
        truth.add(event)
    assert Truth.read(tmp_path / "truth.ndjson") == truth
    assert said.startswith("Sent 5,000 events of ")
    assert said.endswith(f"{truth.late} late, {truth.rejected} malformed, {truth.future} from the future.\n")


def test_a_host_is_in_one_partition_in_its_order_and_partitions_are_uneven(topic: dict[str, str]) -> None:
    assert produce(topic, "--events", "5000", "--late", "0", "--malformed", "0", "--future", "0").returncode == 0
    host_of = {event.value: event.host for event in Traffic(3, late=0, malformed=0, future=0).events(START, END, 5000)}
    partitions: defaultdict[str, set[int]] = defaultdict(set)
    places: defaultdict[str, list[int]] = defaultdict(list)
    sizes: Counter[int] = Counter()
    for record in records(topic):
        partitions[host_of[record.value]].add(record.partition)
        places[host_of[record.value]].append(record.timestamp_ms)
        sizes[record.partition] += 1
    assert {len(numbers) for numbers in partitions.values()} == {1}
    assert all(times == sorted(times) for times in places.values())
    assert 1.5 < max(sizes.values()) / min(sizes.values()) < 4


def test_a_topic_that_is_missing_is_one_line_and_exit_code_1(stack: Stack) -> None:
    finished = produce(os.environ | stack.job_environment() | {"KAFKA_TOPIC": "nowhere"}, "--events", "5")
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert line == f"topic nowhere does not exist at {stack.kafka_url}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_live_traffic_ends_with_exit_code_0_when_it_is_told_to(topic: dict[str, str], number: int) -> None:
    with live(topic, rate=100) as generator:
        wait_until(lambda: arrived(topic) > 50)
        generator.send_signal(number)
        said, errors = generator.communicate(timeout=30)
    assert (generator.returncode, errors) == (0, "")
    assert said.endswith(f"Sent {arrived(topic):,} events.\n")


def test_live_traffic_outlives_a_broker_that_is_killed_and_loses_and_doubles_nothing(
    stack: Stack, topic: dict[str, str]
) -> None:
    with live(topic, rate=500) as generator:
        wait_until(lambda: arrived(topic) > 500)
        killed = broker_pid(stack)
        assert killed
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: broker_pid(stack) not in (None, 0, killed))
        before = arrived(topic)
        wait_until(lambda: arrived(topic) > before + 500)
        generator.terminate()
        said, errors = generator.communicate(timeout=30)
    assert (generator.returncode, errors) == (0, "")
    assert said.endswith(f"Sent {arrived(topic):,} events.\n")


def test_live_traffic_that_is_stopped_while_the_broker_hangs_says_how_many_events_are_not_there(
    stack: Stack, topic: dict[str, str]
) -> None:
    broker = broker_pid(stack)
    assert broker
    with live(topic, rate=100) as generator:
        wait_until(lambda: arrived(topic) > 0)
        os.kill(broker, signal.SIGSTOP)
        try:
            with pytest.raises(subprocess.TimeoutExpired):  # it goes on, with events that the broker does not take
                generator.wait(timeout=1)
            generator.terminate()
            _, errors = generator.communicate(timeout=30)
        finally:
            os.kill(broker, signal.SIGCONT)
    assert generator.returncode == 1
    (line,) = errors.splitlines()
    assert f"events did not reach Kafka at {stack.kafka_url}: no answer in 10 s" in line
