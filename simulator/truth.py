"""The ground truth of produced traffic: what a correct pipeline must have counted."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

from simulator.generator import Event


class WindowHits(NamedTuple):
    """The hits of one window (start in UTC), host and referrer."""

    window_start: datetime
    host: str
    referrer: str | None
    num_hits: int


@dataclass(slots=True)
class Truth:
    """Totals and hits per window of the events that were `add`ed.

    Late events are valid, so they are in the windows; `late` only says how many there are. Whether a pipeline drops
    one depends on its watermark at that moment.
    """

    sent: int = 0
    rejected: int = 0
    future: int = 0
    late: int = 0
    hits: Counter[tuple[int, str, str | None]] = field(default_factory=Counter)
    """By (window start in seconds since the epoch, host, referrer)."""

    def add(self, event: Event) -> None:
        """Take an event into account."""
        self.sent += 1
        match event.kind:
            case "rejected":
                self.rejected += 1
                return
            case "future":
                self.future += 1
                return
            case "late":
                self.late += 1
        self.hits[event.window_start, event.host, event.referrer] += 1

    def windows(self) -> Iterator[WindowHits]:
        """The windows in the order of their start, host and referrer (a missing referrer first)."""
        for (start, host, referrer), hits in sorted(self.hits.items(), key=_reading_order):
            yield WindowHits(datetime.fromtimestamp(start, UTC), host, referrer, hits)

    def write(self, path: Path) -> None:
        """Write it as NDJSON: a line with the totals, then a line for each window. Replaces the file in one step."""
        unfinished = path.with_name(path.name + ".part")
        with unfinished.open("w", encoding="utf-8") as lines:
            totals = {"sent": self.sent, "rejected": self.rejected, "future": self.future, "late": self.late}
            lines.write(json.dumps(totals) + "\n")
            for window in self.windows():
                row = window._asdict() | {"window_start": window.window_start.isoformat()}
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        unfinished.replace(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        with path.open(encoding="utf-8") as lines:
            truth = cls(**json.loads(next(lines)))
            for line in lines:
                row = json.loads(line)
                start = int(datetime.fromisoformat(row["window_start"]).timestamp())
                truth.hits[start, row["host"], row["referrer"]] = row["num_hits"]
        return truth


def _reading_order(item: tuple[tuple[int, str, str | None], int]) -> tuple[int, str, bool, str]:
    (start, host, referrer), _ = item
    return start, host, referrer is not None, referrer or ""
