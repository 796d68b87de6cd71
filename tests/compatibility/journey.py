"""What each cell does with its pipeline, and what must come of it."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from local_stack.spark import APPLICATION
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline, Windows, make_topic, submit
from tests.redriving import AT
from tests.restating import RESTATE, figures, interval
from web_traffic.errors import NeedsAttention, TopicMissing, TryAgain
from web_traffic.kafka import describe_topic

HOSTS = 400
LOOKING = Path(__file__).with_name("looking.py")
LIMIT_SECONDS = 120
FIGURES = ("read", "rejected", "future", "late", "emitted", "open_after")
EXPECTED = {
    "books of the first run": (2 * HOSTS + 2, 1, 1, 0, HOSTS, HOSTS),
    "books of the second run": (3, 0, 0, 1, HOSTS + 1, 1),
    "restatement": (2 * HOSTS + 1, 1, 2 * HOSTS + 1, 2 * HOSTS + 2),
    "rows that differ": 0,
    "offending rules": [],
    "hits": 2 * HOSTS + 2,
    "runs": 2,
    "rules": 0,
    "alerts": 0,
    "rejected events": 2,
    "changed rows": 1,
    "lag": 0,
}
"""The redriven event and a late one are among the three of the second run; the restatement adds the late one."""


class Refused(Exception):
    """A step ended with an error; the message has its last words."""


REFUSALS = (Refused, NeedsAttention, TryAgain, psycopg.Error)


@dataclass(frozen=True)
class Journey:
    """A pipeline on its way, with the programs of its Python."""

    pipeline: Pipeline
    programs: Path
    is_cold: bool
    passwords: Mapping[str, str]
    """Of the owner and of the reader, by variable."""
    jars: Sequence[Path]
    """What Spark needs for the login."""

    def make(self) -> dict[str, Any]:
        """Take all steps and return what they found, by the names of `EXPECTED`; raises `REFUSALS`."""
        owner = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": self.passwords["POSTGRES_OWNER_PASSWORD"]}
        self.command("migrate", self.web_traffic("migrate"), owner)
        with suppress(TopicMissing):
            describe_topic(self.pipeline.settings)  # it names the cause if the broker refuses the login
        make_topic(self.pipeline.settings)
        hosts = [f"{number}.example" for number in range(HOSTS)]
        on_time = [event(time, host, f"https://{host}/") for time in ("00:01", "00:07") for host in hosts]
        self.pipeline.produce(*on_time, b"{", at=_at(21))
        self.pipeline.produce(event("00:11", "early.example"), at=AT)
        first = self.run("run", APPLICATION)
        self.command("redrive", self.web_traffic("redrive", "--reason", "from the future"))
        self.pipeline.produce(event("00:03", hosts[0], f"https://{hosts[0]}/"), event("00:20"), at=_at(21))
        second = self.run("run", APPLICATION)
        restated = self.run("restate", RESTATE, interval("00:00", "00:15"))
        looked = self.command("look", [str(self.programs / "python"), str(LOOKING)], self.passwords)
        self.command("recount", self.web_traffic("recount"))
        return {
            "books of the first run": tuple(first[name] for name in FIGURES),
            "books of the second run": tuple(second[name] for name in FIGURES),
            "restatement": figures(restated),
            "rows that differ": len(self.pipeline.windows().items() ^ expected_windows(hosts).items()),
            **json.loads(looked),
        }

    def run(self, step: str, application: Path, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run an application, and return its summary."""
        command = [str(self.programs / "spark-submit"), *submit(application, self.jars)[1:]] if self.is_cold else None
        result = replace(self.pipeline, application=application, command=command).submit(**environment or {})
        lines = result.stdout.splitlines()
        if result.returncode:
            raise Refused(f"{step} ends with code {result.returncode}: {' '.join(lines[-1:])}")
        summary: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("{")))
        return summary

    def command(self, step: str, command: list[str], environment: Mapping[str, str] | None = None) -> str:
        """Run a program to its end, and return what it prints."""
        result = subprocess.run(
            command,
            env={**self.pipeline.environment, **(environment or {})},
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        if result.returncode:
            raise Refused(f"{step} ends with code {result.returncode}: {result.stderr or result.stdout}")
        return result.stdout

    def web_traffic(self, *arguments: str) -> list[str]:
        return [str(self.programs / "web-traffic"), *arguments]


def expected_windows(hosts: list[str]) -> Windows:
    """Return what the table must hold in the end."""
    windows: Windows = {(_at(minute), host, f"https://{host}/"): 1 for minute in (0, 5) for host in hosts}
    windows[_at(0), hosts[0], f"https://{hosts[0]}/"] = 2
    windows[_at(10), "early.example", None] = 1
    return windows


def _at(minute: int) -> datetime:
    return datetime(2026, 3, 29, 0, minute, tzinfo=UTC)
