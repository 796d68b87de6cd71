"""Sends an event back to the topic once, even after a crash or a restore from a copy.

1. One PostgreSQL transaction enters a redrive as `sending`, with the ends of the topic, and lets it take its events.
2. One Kafka transaction sends the records. The headers of each name the redrive, and the place of the rejected record.
3. One PostgreSQL transaction notes the redrive as `done`.

A process that dies in between leaves a redrive as `sending`. The next process settles it first. It opens the
transactional id, which all redrives share, so nobody can commit the old transaction any more. Then it looks for
records of the redrive behind the ends that were noted. If it finds one, the redrive is done. If not, the events are
free again.

After that it looks in the topic for events that went back but are free in the ledger, as after a restore of the
database, and enters their redrives. It reads only records that no redrive has looked at before.

An advisory lock lets one redrive work at a time. A redrive that loses its connection also loses the lock. If it lives
on, its next step fails: 1 and 3 because the connection is gone, 2 because a later redrive has opened the transactional
id. Each redrive opens the id only once, before its first step, so an earlier one can't lock out a later one.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Self
from uuid import uuid4

from web_traffic.errors import TooLarge, Untraceable
from web_traffic.faults import fault_point
from web_traffic.kafka import Topic, describe_topic
from web_traffic.redrive.candidates import VALID, Candidate, Report, verdict
from web_traffic.redrive.ledger import Redrive, RedriveLedger
from web_traffic.redrive.topic import RedriveTopic, redriven_records
from web_traffic.settings import Settings

ASSUMPTIONS = ("sent", "lost")


class Redriver:
    """Sends rejected events back, in redrives of one page of candidates each."""

    def __init__(
        self,
        settings: Settings,
        ledger: RedriveLedger,
        topic: RedriveTopic,
        selector: str,
        tell: Callable[[str], None],
    ) -> None:
        """Take a ledger that is held alone, and an open topic; `selector` is kept with each redrive."""
        self._settings = settings
        self._ledger = ledger
        self._topic = topic
        self._selector = selector
        self._tell = tell

    @classmethod
    def begin(cls, settings: Settings, ledger: RedriveLedger, selector: str, tell: Callable[[str], None]) -> Self:
        """Lock out earlier processes. `ledger` must be held alone."""
        return cls(settings, ledger, RedriveTopic.open(settings), selector, tell)

    def settle(self, assume: str | None) -> None:
        """Bring the ledger in line with the topic.

        An interrupted redrive is settled. If Kafka can't tell what became of its records, `assume` decides: they were
        `sent`, or they were `lost` and may be selected again. Without it, `Untraceable` is raised.
        """
        if redrive := self._ledger.unsettled():
            self._settle(redrive, assume)
        self._search()

    def _settle(self, redrive: Redrive, assume: str | None) -> None:
        try:
            is_sent = self._is_sent(redrive)
        except Untraceable:
            if assume not in ASSUMPTIONS:
                raise
            is_sent = assume == "sent"
            outcome = f"are taken as {assume}"
        else:
            outcome = "are in the topic" if is_sent else "are not in the topic, and can be selected again"
        self._ledger.finish(redrive) if is_sent else self._ledger.withdraw(redrive)
        self._tell(f"{redrive} was interrupted: its {redrive.events:,} events {outcome}")

    def _search(self) -> None:
        """Enter redrives that are in the topic and not in the ledger.

        Records that retention has deleted can't be found; about these the ledger decides.
        """
        topic = describe_topic(self._settings)
        wanted = self._ledger.search_from(topic.id, list(topic.end_offsets))
        start = {number: max(offset, topic.first_offsets[number]) for number, offset in wanted.items()}
        found = list(redriven_records(self._settings, start, self._tell))
        if entered := self._ledger.enter_found(topic.id, topic.name, topic.end_offsets, found):
            self._tell(f"{entered:,} events are in the topic already, by redrives that the database does not know")

    def redrive(self, pages: Iterable[Sequence[Candidate]]) -> Report:
        """Send back those of the candidates that are valid now, and report on all."""
        report = Report()
        for page in pages:
            valid = choose(page, self._settings, report)
            if valid:
                self._redrive(valid)
                self._tell(f"{report.valid:,} of {report.selected:,} events are back in the topic")
        return report

    def _redrive(self, candidates: Sequence[Candidate]) -> None:
        topic = describe_topic(self._settings)
        redrive = Redrive(uuid4(), topic.id, topic.name, topic.end_offsets, len(candidates), datetime.now(UTC))
        repaired = {candidate.event.place: candidate.repaired_value for candidate in candidates}
        self._ledger.open(redrive, self._selector, repaired)
        self._send(redrive, topic)

    def _send(self, redrive: Redrive, topic: Topic) -> None:
        records = self._ledger.records(redrive)
        fault_point("redrive marked")
        try:
            self._topic.send(redrive.redrive_id, records, topic)
        except TooLarge:
            self._ledger.withdraw(redrive)
            raise
        fault_point("redrive committed")
        self._ledger.finish(redrive)

    def _is_sent(self, redrive: Redrive) -> bool:
        if redrive.topic != self._settings.kafka_topic:
            raise _untraceable(redrive, f"it went to another topic: set KAFKA_TOPIC={redrive.topic} first")
        topic = describe_topic(self._settings)
        if redrive.topic_id != topic.id:
            raise _untraceable(redrive, f"the topic {topic.name} was made anew")
        starts = {number: redrive.end_offsets.get(number, 0) for number in topic.end_offsets}
        held = {number: max(start, topic.first_offsets[number]) for number, start in starts.items()}
        found = redriven_records(self._settings, held, self._tell)
        is_sent = any(record.redrive_id == redrive.redrive_id for record in found)
        if not is_sent and held != starts:
            raise _untraceable(redrive, f"retention has deleted records of {topic.name}")
        return is_sent


def choose(candidates: Iterable[Candidate], settings: Settings, report: Report) -> list[Candidate]:
    """Return those that are valid now, and count all in the report."""
    now = datetime.now(UTC)
    outcomes = [(candidate, verdict(candidate, now, settings.max_clock_skew)) for candidate in candidates]
    for candidate, outcome in outcomes:
        report.add(candidate, outcome)
    return [candidate for candidate, outcome in outcomes if outcome == VALID]


def _untraceable(redrive: Redrive, reason: str) -> Untraceable:
    return Untraceable(
        f"{redrive} was interrupted, and Kafka can't tell whether its {redrive.events:,} events are in the topic: "
        f"{reason}. If you know, run once with --assume sent (they are not sent again) or --assume lost (they can be "
        "selected again)"
    )
