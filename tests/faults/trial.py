"""One trial: events with a seed, a fault, the recovery, and the comparison with an independent recount."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from local_stack import Stack
from tests.pipeline import Pipeline, make_pipeline
from tests.recounting import compare, expect
from tests.stores import Store
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.kafka import describe_topic
from web_traffic.recount import Recount
from web_traffic.recount.counting import Record, tally
from web_traffic.recount.gaps import without_lost
from web_traffic.recount.topic import read_topic
from web_traffic.recount.warehouse import read_ledger, read_limits, read_windows, rejected_times

EVENTS = 100_000
SMALL_EVENTS = 20_000
START = datetime(2026, 3, 28, 23, tzinfo=UTC)
MOST_RETRIES = 4
END = 2**62


@dataclass(frozen=True)
class Outcome:
    """What a trial left behind; all counts but the last two are windows."""

    cell: str
    seed: int
    lost: int
    duplicate: int
    wrong: int
    unaccounted: int
    """Events that the books, the ledger and the state store do not agree on with the recount."""
    recovery_seconds: float
    """From the end of the fault to the end of the run that has brought everything up to date."""
    was_seen: bool
    """Whether a run ended with an error that Airflow would act on."""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.duplicate or self.wrong or self.unaccounted)


class Trial:
    """A pipeline under test, with what a cell needs to break it."""

    def __init__(
        self,
        stack: Stack,
        folder: Path,
        seed: int,
        tool: Any = None,
        *,
        is_small: bool = False,
        **environment: str,
    ) -> None:
        """Make the pipeline. A small trial sends fewer events, and its runs share the warm Spark of the tests."""
        self.events = SMALL_EVENTS if is_small else EVENTS
        self.stack = stack
        self.random = Random(seed)
        self.seed = seed
        self.tool = tool
        """What the cell has put around the pipeline: a proxy, brokers, a disk."""
        name = f"trial_{uuid4().hex[:12]}"
        environment = {variable: value.replace("<name>", name) for variable, value in environment.items()}
        pipeline = make_pipeline(stack, name, folder / "checkpoint", **environment)
        self.pipeline: Pipeline = pipeline if is_small else pipeline.cold
        self.was_seen = False
        self.not_counted: int | None = 0
        """Events that were sent and must be in `etl.rejected_event`; None if only the recount knows."""
        self.memory: dict[str, list[Record]] = {}
        """What topics held before Kafka lost it, by their ids: the recount then takes it from here."""
        self.flags: dict[str, str] = {}
        """Settings of the recovering run: what an operator would tick."""

    @property
    def checkpoint(self) -> str:
        """Where the tests find the checkpoint's files."""
        location = self.pipeline.settings.checkpoint_location
        return location.replace(self.tool.root, self.tool.files) if isinstance(self.tool, Store) else location

    def produce(self, events: int, hour: int) -> None:
        """Send realistic traffic of an hour, with late, malformed and future events among it."""
        start = START + timedelta(hours=hour)
        truth = self.pipeline.produce_traffic(events, self.seed * 100 + hour, start, start + timedelta(hours=1))
        if self.not_counted is not None:
            self.not_counted += truth.rejected + truth.future

    def remember(self) -> list[Record]:
        """Keep what the topic holds now, for the recount."""
        topic = describe_topic(self.pipeline.settings)
        ranges = {int(number): (topic.first_offsets[number], end) for number, end in topic.end_offsets.items()}
        self.memory[topic.id] = list(read_topic(self.pipeline.settings, ranges))
        self.not_counted = None
        return self.memory[topic.id]

    def prepare(self) -> None:
        """Send the events; in half of the trials the first half of them is counted before the fault."""
        self.produce(self.events // 2, hour=0)
        if self.random.random() < 0.5:
            self.pipeline.run()
        self.produce(self.events // 2, hour=1)

    def recover(self) -> float:
        """Run as Airflow would: retry what may pass by itself, and have a person tick the way out of what does not."""
        began = time.monotonic()
        for _ in range(MOST_RETRIES):
            result = self.pipeline.submit(**self.flags)
            if result.returncode == 0:
                break
            self.was_seen = True
            assert result.returncode != EXIT_NEEDS_ATTENTION or self.flags, result.stdout[-2000:]
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        return time.monotonic() - began

    def compare(self, cell: str, recovery_seconds: float) -> Outcome:
        """Hold table, ledger and state store to a recount of the topic."""
        recount = self.recount_from_memory() if self.memory else self.pipeline.recount()
        sent_and_not_counted = recount.rejected + recount.future if self.not_counted is None else self.not_counted
        [(rows, keys)] = self.pipeline.query(
            "SELECT count(*), count(DISTINCT (window_start, host, coalesce('=' || referrer, ''))) "
            "FROM aggregated_web_traffic"
        )
        [(open_after,)] = self.pipeline.query(
            "SELECT open_after FROM etl.run WHERE status = 'succeeded' ORDER BY run_id DESC LIMIT 1"
        )
        [(rejected,)] = self.pipeline.query("SELECT count(*) FROM etl.rejected_event")
        return Outcome(
            cell=cell,
            seed=self.seed,
            lost=recount.missing.count,
            duplicate=rows - keys + recount.unexpected.count,
            wrong=recount.different.count,
            unaccounted=abs(recount.open_hits - open_after)
            + abs(sent_and_not_counted - rejected)
            + len(recount.ledger_errors),
            recovery_seconds=round(recovery_seconds, 1),
            was_seen=self.was_seen,
        )

    def recount_from_memory(self) -> Recount:
        """Recount each batch from what its topic held, also what Kafka has lost since."""
        topic = describe_topic(self.pipeline.settings)
        whole = replace(topic, first_offsets=dict.fromkeys(topic.first_offsets, 0))
        with self.pipeline.connect() as connection:
            first_offsets = {int(name): first for name, first in topic.first_offsets.items()}
            found = without_lost(read_ledger(connection, whole), topic.id, first_offsets)
            windows = Counter(dict(read_windows(connection, None, None)))
            rejected_us = rejected_times(connection, topic.id, {int(name): (0, END) for name in topic.end_offsets})
            sealed_until_us = read_limits(connection).sealed_until_us
        batches = [replace(batch, lost={}) for batch in found]  # what Kafka has lost is here
        topic_of = dict(self.pipeline.query("SELECT query_id::text, fingerprint ->> 'topic id' FROM etl.checkpoint"))
        skew_us = self.pipeline.settings.max_clock_skew // timedelta(microseconds=1)
        tallies = [tally(self.memory[topic_of[batch.query_id]], [batch], skew_us, rejected_us)[0] for batch in batches]
        return compare(expect(batches, tallies), windows, sealed_until_us)
