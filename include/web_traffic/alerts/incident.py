"""An incident, and the texts about it that people may see."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from web_traffic.intervals import Interval
from web_traffic.masking import masked

Severity = Literal["warning", "error"]
LONGEST_ERROR = 400


def first_line(error: object) -> str:
    """The first line of an error, without passwords and event contents: what is in braces is left out."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    line = masked(lines[0])
    return line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"


def as_windows(interval: Interval | None) -> str | None:
    """Return an interval as PostgreSQL writes a multirange, or None for none."""
    return interval and f"{{[{interval.start.isoformat()},{interval.end.isoformat()})}}"


@dataclass(frozen=True, slots=True)
class Incident:
    """One failure of something; failures with the same key that follow it belong to the same incident.

    `error` and `title` reach people: give them through `first_line`.
    """

    key: str
    title: str
    error: str
    next_step: str
    failure: str
    """Names the failure, which counts once, whoever reports it. Empty if an incident is merely seen again."""
    severity: Severity = "error"
    run_name: str | None = None
    links: dict[str, str] = field(default_factory=dict)
    """Addresses by the names that people see."""
    books: dict[str, Any] | None = None
    windows: str | None = None
    """The windows that a restatement failed for, as PostgreSQL writes a multirange; see `as_windows`."""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def without(self, *secrets: str) -> "Incident":
        """Return the incident with these passwords left out of its texts."""
        title, error = self.title, self.error
        for secret in filter(None, secrets):
            title, error = title.replace(secret, "***"), error.replace(secret, "***")
        return replace(self, title=title, error=error)
