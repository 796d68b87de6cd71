"""What must have become of each event that was ever sent, by what Kafka holds and by what the ledger says was read.

Each event has a host of its own, so a row of the table is an event. The rules are those of the contract, in their
shortest form; the recount has its own ones.
"""

import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.pipeline import Pipeline
from web_traffic.kafka import describe_topic
from web_traffic.recount.topic import read_topic
from web_traffic.window_length import WINDOW

EPOCH, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
LEDGER = """\
SELECT c.fingerprint ->> 'topic id', b.query_id, b.start_offsets, b.end_offsets, b.watermark, b.planned_at, b.gap
FROM etl.batch AS b JOIN etl.checkpoint AS c USING (query_id) ORDER BY b.planned_at, b.batch_id
"""
REJECTED = "SELECT split_part(topic_id, '~', 1), partition, record_offset, value FROM etl.rejected_event"
RUNS = "SELECT gap, started_at FROM etl.run WHERE status = 'succeeded' AND gap IS NOT NULL"


@dataclass(frozen=True)
class Place:
    """Where a record of an event is, or was."""

    topic_id: str
    partition: str
    offset: int


@dataclass(frozen=True)
class Read:
    """A batch of the ledger, with what it could not count any more."""

    topic_id: str
    start_offsets: dict[str, int]
    end_offsets: dict[str, int]
    planned_at: datetime
    closed_before: datetime
    """Events of windows that end by then were late, or superseded."""

    def has(self, place: Place) -> bool:
        start, end = self.start_offsets.get(place.partition, 0), self.end_offsets.get(place.partition, 0)
        return place.topic_id == self.topic_id and start <= place.offset < end


@dataclass(frozen=True)
class Gap:
    """Offsets that a run was told to go on without."""

    topic_id: str
    partition: str
    first: int
    end: int
    accepted_at: datetime

    def has(self, place: Place) -> bool:
        return (place.topic_id, place.partition) == (self.topic_id, self.partition) and (
            self.first <= place.offset < self.end
        )


@dataclass
class Verdict:
    """What has become wrong, by host."""

    lost: dict[str, str] = field(default_factory=dict)
    """Why each should be in the table."""
    duplicate: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)

    def add(self, other: "Verdict") -> None:
        self.lost |= other.lost
        self.duplicate |= other.duplicate
        self.wrong |= other.wrong


class GroundTruth:
    """All events that were sent, and where their records are or were."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Begin with none."""
        self.pipeline = pipeline
        self.window_of: dict[str, datetime] = {}
        self.places: dict[str, set[Place]] = defaultdict(set)
        self.there: dict[Place, str] = {}
        self.counted: set[str] = set()
        """Hosts that are in the table; put it back with the database."""
        self._rejected: set[tuple[Place, str]] = set()
        self._cuts: list[Gap] = []
        """What Kafka has lost of the newest records, and when."""

    def sent(self, host: str, at: datetime) -> None:
        """Note an event."""
        self.window_of[host] = at - (at - EPOCH) % WINDOW

    def look(self) -> str:
        """Note where all records are now, and return the topic's id: to be called before Kafka loses any."""
        topic = describe_topic(self.pipeline.settings)
        ranges = {int(name): (topic.first_offsets[name], end) for name, end in topic.end_offsets.items()}
        self.there = {}
        for record in read_topic(self.pipeline.settings, ranges):
            place = Place(topic.id, str(record.partition), record.offset)
            self.there[place] = json.loads(record.value or b"{}")["host"]
            self.places[self.there[place]].add(place)
        return topic.id

    def cut(self, topic_id: str, partition: str, first: int) -> None:
        """Note that Kafka has lost the newest records of a partition, from an offset on."""
        self._cuts.append(Gap(topic_id, partition, first, sys.maxsize, datetime.now(UTC)))

    def judge(self, restated: set[datetime] = frozenset()) -> Verdict:
        """Say what is wrong after a run that has ended well; `restated` are windows that were counted again since."""
        topic_id = self.look()
        rows = self.pipeline.query("SELECT window_start, host, num_hits FROM aggregated_web_traffic")
        [(sealed_until,)] = self.pipeline.query("SELECT nullif(sealed_until, '-infinity') FROM etl.pipeline")
        rejected = self.pipeline.query(REJECTED)
        self._rejected = {
            (Place(topic, str(number), offset), json.loads(value)["host"]) for topic, number, offset, value in rejected
        }
        reads, gaps = self._ledger(topic_id)
        hosts = [host for _, host, _ in rows]
        verdict = Verdict(
            duplicate={host for _, host, hits in rows if hits != 1 or hosts.count(host) > 1},
            wrong={host for start, host, _ in rows if self.window_of.get(host) != start},
        )
        for host, window in self.window_of.items():
            if host in hosts:
                continue
            if host in self.counted:
                verdict.lost[host] = "it was in the table"
            elif reason := self._reason(host, window + WINDOW, sealed_until or EPOCH, reads, gaps, window in restated):
                verdict.lost[host] = reason
        self.counted = set(hosts)
        return verdict

    def _reason(
        self,
        host: str,
        window_end: datetime,
        sealed_until: datetime,
        reads: list[Read],
        gaps: list[Gap],
        restated: bool,
    ) -> str | None:
        """Say why an event should be in the table, or at least have been read; None if it is right that it is not."""
        for place in self.places[host]:
            if (place, host) in self._rejected:
                continue
            is_there = self.there.get(place) == host
            accepted_at = max((gap.accepted_at for gap in gaps if gap.has(place)), default=EPOCH)
            cut_at = max((cut.accepted_at for cut in self._cuts if cut.has(place)), default=EPOCH)
            if not is_there and accepted_at > EPOCH:
                continue
            since = max(cut_at, accepted_at) if is_there else EPOCH
            until = LAST if is_there or cut_at == EPOCH else cut_at
            readers = [read for read in reads if read.has(place) and since < read.planned_at < until]
            if not readers and not is_there and cut_at > EPOCH:
                continue  # nobody has ever seen it
            if not readers and accepted_at == EPOCH:
                return f"no batch has read {place}, no gap has it"
            if window_end > sealed_until:
                continue
            if restated and is_there:
                return f"{place} is there, and was not found by a restatement"
            if any(window_end > read.closed_before for read in readers):
                return f"{place} was read in time"
        return None

    def _ledger(self, topic_id: str) -> tuple[list[Read], list[Gap]]:
        reads, gaps = [], []
        sealed = EPOCH
        began: dict[Any, datetime] = {}
        emitted: dict[Any, datetime] = {}
        for own_id, query_id, starts, ends, watermark, planned_at, gap in self.pipeline.query(LEDGER):
            closed_before = max(began.setdefault(query_id, sealed), emitted.get(query_id, EPOCH))
            reads.append(Read(own_id, starts, ends, planned_at, closed_before))
            gaps += _gaps(gap, own_id, planned_at)
            emitted[query_id] = watermark or EPOCH
            sealed = max(sealed, emitted[query_id])
        for gap, started_at in self.pipeline.query(RUNS):
            gaps += _gaps(gap, topic_id, started_at)
        return reads, gaps


def _gaps(gap: dict[str, list[int]] | None, topic_id: str, at: datetime) -> list[Gap]:
    parts = [(name.rpartition("/"), *ends) for name, ends in (gap or {}).items()]
    return [Gap(other or topic_id, partition, first, end, at) for (other, _, partition), first, end in parts]
