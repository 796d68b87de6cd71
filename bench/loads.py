"""What is measured on: topics of events of known truth, and empty databases for their windows."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
from confluent_kafka.admin import AdminClient, NewTopic

from local_stack import Stack
from local_stack.environment import LOOPBACK, VAR
from local_stack.postgres import make_warehouse
from local_stack.spark import submit_environment
from simulator import Traffic, Truth
from simulator.generator import Event
from simulator.sending import Sender
from web_traffic.errors import TopicMissing
from web_traffic.kafka import describe_topic
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate
from web_traffic.window_length import WINDOW

START = datetime(2026, 3, 28, 23, tzinfo=UTC)
OPEN = timedelta(minutes=4)
"""How far the events reach into their last window, which the watermark therefore leaves open."""
PLAIN_TABLE = """
    CREATE TABLE aggregated_web_traffic (
        window_start timestamptz, window_end timestamptz, host text, referrer text, num_hits bigint
    )
"""
Windows = Counter[tuple[int, str, str | None]]


class Wrong(Exception):
    """A contender's table is not what its events say."""


class PlainTraffic(Traffic):
    """Traffic that all engines read alike: nothing late or malformed, all times in UTC with a point and a Z."""

    def __init__(self, seed: int, hosts: int, referrers: int) -> None:
        super().__init__(seed, hosts=hosts, referrers=referrers, late=0, malformed=0, future=0)
        self._endings = [
            each
            for each in self._endings
            if each.separator == "T" and each.ending.endswith(b'Z"}') and b"," not in each.ending
        ]


class UniqueTraffic(PlainTraffic):
    """Traffic in which every event has a referrer of its own: as many keys as events."""

    def _chunk(self, rng: Random, arrivals: list[int]) -> Iterator[Event]:
        for event in super()._chunk(rng, arrivals):
            referrer = f"https://www.site.example/{rng.getrandbits(63):016x}"
            value = json.dumps(json.loads(event.value or b"") | {"referrer": referrer}, separators=(",", ":"))
            yield event._replace(value=value.encode(), referrer=referrer)


@dataclass(frozen=True, slots=True)
class Load:
    """The events of one topic."""

    name: str
    events: int
    minutes: int = 60
    """Closed windows reach that far; then come 4 minutes that stay open."""
    hosts: int = 60
    referrers: int = 400
    is_unique: bool = False

    @property
    def topic(self) -> str:
        """Its name."""
        return f"bench_{self.name}_{self.events}"

    def generate(self) -> Iterator[Event]:
        """Its events, the same each time."""
        traffic = (UniqueTraffic if self.is_unique else PlainTraffic)(11, self.hosts, self.referrers)
        return traffic.events(START, START + timedelta(minutes=self.minutes) + OPEN, self.events)

    def send(self, stack: Stack) -> Truth:
        """Fill the topic, unless it is there from before, and return what is true of it."""
        settings = Settings.from_environment(environment(stack, self.topic))
        file = VAR / "bench" / f"{self.topic}.ndjson"
        if file.exists() and self._is_there(settings):
            return Truth.read(file)
        make_topic(settings)
        truth, sender = Truth(), Sender(settings, give_up_after=timedelta(minutes=2))
        for event in self.generate():
            truth.add(event)
            sender.send(event)
        sender.flush(120)
        truth.write(file)
        return truth

    def _is_there(self, settings: Settings) -> bool:
        try:
            return sum(describe_topic(settings).end_offsets.values()) == self.events
        except TopicMissing:
            return False

    def closed(self, truth: Truth) -> Windows:
        """The windows that a run over all events writes."""
        end = (START + timedelta(minutes=self.minutes)).timestamp()
        return Counter({key: hits for key, hits in truth.hits.items() if key[0] < end})


def environment(stack: Stack, topic: str) -> dict[str, str]:
    """The environment that leads to a topic, and to the database of the benchmark."""
    url = f"{stack.postgres_url.removesuffix('web_traffic').removeprefix('jdbc:')}bench"
    return submit_environment(stack) | {"KAFKA_TOPIC": topic, "POSTGRES_URL": url}


def make_topic(settings: Settings) -> None:
    """Make the topic anew, for events of any age."""
    admin, name = AdminClient({"bootstrap.servers": settings.kafka_url}), settings.kafka_topic
    if name in admin.list_topics(timeout=20).topics:
        admin.delete_topics([name])[name].result(60)
    admin.create_topics([NewTopic(name, 4, config={"retention.ms": "-1"})])[name].result(60)


def make_database(stack: Stack, *, is_plain: bool = False) -> None:
    """Make the database `bench` anew: with the project's schema, or with a table without any index or trigger."""
    admin = f"postgresql://postgres:{stack.secrets.postgres_admin}@{LOOPBACK}:{stack.ports.postgres}/postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
    make_warehouse(stack, "bench")
    owner = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": stack.secrets.postgres_owner}
    with connect(Settings.from_environment(environment(stack, "bench") | owner)) as connection:
        if is_plain:
            connection.execute(PLAIN_TABLE)
            connection.execute("GRANT ALL ON aggregated_web_traffic TO web_traffic_writer")
            connection.execute("GRANT CREATE ON SCHEMA public TO web_traffic_writer")
        else:
            migrate(connection)


def check(stack: Stack, load: Load, truth: Truth) -> None:
    """Compare the table with the truth, row by row; raises `Wrong`. Windows that are open may be there, if right."""
    closed, seen = load.closed(truth), 0
    with connect(Settings.from_environment(environment(stack, load.topic))) as connection:
        statement = (
            "COPY (SELECT extract(epoch FROM window_start)::bigint, host, referrer, num_hits, "
            "extract(epoch FROM window_end - window_start)::bigint FROM aggregated_web_traffic) TO STDOUT"
        )
        found: Windows = Counter()
        with connection.cursor().copy(statement.encode()) as copy:
            copy.set_types(("int8", "text", "text", "int8", "int8"))
            for start, host, referrer, hits, seconds in copy.rows():
                if (start, host, referrer) in found or seconds != WINDOW.total_seconds():
                    raise Wrong(f"{load.topic}: {start}, {host}, {referrer} is there twice, or of {seconds} s")
                found[start, host, referrer] = hits
    for key, hits in found.items():
        if truth.hits[key] != hits:
            raise Wrong(f"{load.topic}: {key} has {hits} hits, {truth.hits[key]} are true")
        seen += key in closed
    if seen != len(closed):
        raise Wrong(f"{load.topic}: {len(closed) - seen} of {len(closed)} windows are missing")
