"""A trial in steps: events, runs, and the ways out that refusals name."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from local_stack import Stack
from tests.faults.histories import Histories
from tests.faults.stopped import stopped_at
from tests.faults.trial import MOST_RETRIES, Outcome
from tests.faults.truth import Verdict
from tests.redriving import redrive
from tests.restating import restating
from web_traffic.errors import EXIT_NEEDS_ATTENTION, RecordsMissing, RecountImpossible
from web_traffic.kafka import describe_topic
from web_traffic.window_length import WINDOW

START = datetime(2026, 3, 28, 20, tzinfo=UTC)
ANY_LATENESS = str(timedelta(days=400) // timedelta(seconds=1))
WAY_OUT = re.compile(r"run once with (rebuild_checkpoint|accept_data_loss)(?: and (accept_data_loss))?")
KILL_POINTS = ("before offsets", "offsets logged", "before begin", "batch committed", "stream ended")


class Walk(Histories):
    """A pipeline that takes steps; after each run all that was ever sent is compared with what became of it."""

    def __init__(self, stack: Stack, folder: Path, seed: int, tool: Any = None, **surroundings: Any) -> None:
        """Make the pipeline; its runs share the warm Spark of the tests."""
        self.is_short = surroundings.pop("is_small", False)
        """Whether few steps will do."""
        super().__init__(stack, folder, seed, tool, **surroundings)
        self.clock = START
        """The time of the newest events."""
        self.found = Verdict()
        self.unaccounted: set[str] = set()

    def prepare(self) -> None:
        """Leave all to the steps."""

    # What producers do.

    def send(
        self,
        count: int,
        *,
        late: timedelta = timedelta(0),
        sent_ms: int | None = None,
        partition: int | None = None,
    ) -> None:
        """Send events of the minute that ends now, or of one that was earlier by `late`; times in ms since 1970."""
        settings = self.pipeline.settings
        partitions = len(describe_topic(settings).end_offsets)
        producer = Producer({"bootstrap.servers": settings.kafka_url, "linger.ms": 0})
        errors: list[object] = []
        for _ in range(count):
            at = self.clock - late - timedelta(seconds=self.random.uniform(0, 60))
            host = f"{len(self.truth.window_of)}.example"
            self.truth.sent(host, at)
            producer.produce(
                settings.kafka_topic,
                json.dumps({"event_time": at.isoformat(), "host": host}).encode(),
                partition=self.random.randrange(partitions) if partition is None else partition,
                timestamp=int(self.clock.timestamp() * 1000) if sent_ms is None else sent_ms,
                on_delivery=lambda error, _: errors.append(error) if error else None,
            )
            if self.random.random() < 0.3:
                producer.flush(30)
        assert (producer.flush(30), errors) == (0, [])
        self.truth.look()
        self.note(
            f"{count} events" + (f", late by {late}" if late else "") + (f", at {sent_ms} ms" if sent_ms else "")
        )

    def advance(self, minutes: float) -> None:
        """Let time pass in the events."""
        self.clock += timedelta(minutes=minutes)

    def traffic(self, windows: int = 1, each: int = 10) -> None:
        """Send events of so many windows that come one after another."""
        for _ in range(windows):
            self.advance(5)
            self.send(each)

    # What runs, and what a person does when it refuses.

    def run(self, **flags: str) -> dict[str, str]:
        """Run as Airflow would, and take the way out that a refusal names; returns what was ticked."""
        must_restate = False
        for attempt in range(MOST_RETRIES):
            result = self.pipeline.submit(**flags)
            said = result.stdout + result.stderr
            if result.returncode == 0:
                break
            self.was_seen = True
            if result.returncode == EXIT_NEEDS_ATTENTION:
                named = WAY_OUT.findall(said)
                assert named, f"{self.story()}\nNo way out is named: {said}"
                assert attempt == 0, f"{self.story()}\nThe way out does not work: {said}"
                flags = {name.upper(): "true" for name in named[-1] if name}
                must_restate = "then restate" in said
        assert result.returncode == 0, f"{self.story()}\n{said}"
        self.note(" ".join(["run", *flags]))
        if must_restate:
            self.restate_all()
        self.check()
        return flags

    def check(self, restated: set[datetime] = frozenset()) -> None:
        """Compare with the ground truth, and with the recount as far as that is possible."""
        self.found.add(self.truth.judge(restated))
        try:
            recount = self.pipeline.recount()
        except (RecountImpossible, RecordsMissing):
            return
        wrong = (recount.missing, recount.unexpected, recount.different)
        self.unaccounted |= {f"the recount: {sample}" for differences in wrong for sample in differences.samples}
        self.unaccounted |= {f"the ledger: {error}" for error in recount.ledger_errors}

    def kill(self, point: str, target: str = "group") -> None:
        """Start a run in a process of its own and kill it at a point."""
        with stopped_at(self.pipeline, point) as run:
            run.kill(target)
        self.was_seen = True
        self.note(f"a run is killed at {point!r}")

    def restate(self, start: datetime, end: datetime, **settings: str) -> bool:
        """Restate an interval; returns False if that is refused."""
        ends = {"RESTATE_FROM": start.isoformat(), "RESTATE_TO": end.isoformat()}
        result = restating(self.pipeline).submit(**ends, **settings)
        assert result.returncode in (0, EXIT_NEEDS_ATTENTION), f"{self.story()}\n{result.stdout}{result.stderr}"
        self.note(f"restate {start:%H:%M} to {end:%H:%M}: {'done' if result.returncode == 0 else 'refused'}")
        return result.returncode == 0

    def restate_all(self) -> set[datetime]:
        """Restate all sealed windows, hour by hour, and return those that were not refused."""
        [(sealed_until,)] = self.pipeline.query("SELECT nullif(sealed_until, '-infinity') FROM etl.pipeline")
        windows: set[datetime] = set()
        hour, sealed_until = START - timedelta(hours=1), sealed_until or START
        while hour + WINDOW <= sealed_until:
            end = min(hour + timedelta(hours=1), sealed_until - (sealed_until - START) % WINDOW)
            if self.restate(hour, end, ALLOWED_LATENESS=ANY_LATENESS):
                windows |= {hour + number * WINDOW for number in range((end - hour) // WINDOW)}
            hour = end
        return windows

    def redrive(self) -> None:
        """Send rejected events back."""
        done = redrive(self.pipeline, "--since", "2000-01-01")
        assert done.returncode in (0, EXIT_NEEDS_ATTENTION), f"{self.story()}\n{done.stdout}{done.stderr}"
        self.truth.look()
        self.note(f"redrive: {(done.stdout + done.stderr).strip()}")

    # How it ends.

    def recover(self) -> float:
        """Bring everything up to date; returns the seconds that it took."""
        began = time.monotonic()
        self.run(**self.flags)
        return time.monotonic() - began

    def compare(self, cell: str, recovery_seconds: float) -> Outcome:
        """Close all windows, restate what can be restated, and say what is wrong."""
        for minutes in (120, 10):  # the events of the second one close the windows of the first
            self.advance(minutes)
            self.send(5)
            self.run()
        self.check(self.restate_all())
        outcome = Outcome(
            cell,
            self.seed,
            lost=len(self.found.lost),
            duplicate=len(self.found.duplicate),
            wrong=len(self.found.wrong),
            unaccounted=len(self.unaccounted),
            recovery_seconds=round(recovery_seconds, 1),
            was_seen=self.was_seen,
        )
        if not outcome.is_clean:
            print(f"{self.story()}\n{self.found}\n{self.unaccounted}", flush=True)
        return outcome
