"""Applies rules to a table, and keeps the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from web_traffic.errors import BadRule
from web_traffic.quality.rules import SHARE, DQRule, Severity
from web_traffic.statements import statements_beside
from web_traffic.window_length import WINDOW

statement = statements_beside(__name__)
SAMPLE_SIZE = 5
Status = Literal["passed", "warned", "failed", "nothing to check"]


class Kept(NamedTuple):
    """A result in `etl.quality_result`."""

    rule: str
    severity: Severity
    status: Status
    observed: float | None
    condition: str


@dataclass(frozen=True, slots=True)
class Scope:
    """The run and the time that a check covers, in UTC. None means that there is none, as before the first run."""

    run_name: str
    run_id: int | None = None
    since: datetime | None = None
    """Exclusive."""
    until: datetime | None = None
    """Inclusive."""
    observed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a rule: how many things it checked, how many of them offend, and a few of these."""

    rule: DQRule
    checked: int
    offenders: int
    observed: float | None
    sample: list[dict[str, Any]]

    @property
    def status(self) -> Status:
        """The outcome, in a word."""
        if not self.checked:
            return "nothing to check"
        if not self.offenders:
            return "passed"
        return "failed" if self.rule.severity == "error" else "warned"

    @property
    def headline(self) -> str:
        """The outcome without data of the table, fit for an alert."""
        if not self.offenders:
            return f"{self.rule.name}: {self.status}"
        found = f"{self.offenders:,} of {self.checked:,} offend"
        if self.observed != self.offenders:
            found += f", {self._measured} measured"
        return f"{self.rule.name}: {found} ({self.rule.description}: {self.rule.condition})"

    @property
    def _measured(self) -> str:
        return f"{self.observed:.3%}" if self.rule.unit == SHARE else f"{self.observed:,.6g} {self.rule.unit}"

    def __str__(self) -> str:
        return f"{self.headline}, such as {self.sample[0]}" if self.sample else self.headline


def check(connection: psycopg.Connection[Any], rules: Sequence[DQRule], scope: Scope) -> list[Result]:
    """Apply the rules in one round trip, on one snapshot, and return the results in the rules' order.

    Raises `BadRule` for a query that PostgreSQL refuses.
    """
    cursors = [connection.cursor() for _ in rules]
    try:
        with connection.pipeline(), connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            for rule, cursor in zip(rules, cursors, strict=True):
                cursor.execute(evaluation(rule), parameters(rule, scope))
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        refused = next(rule for rule, cursor in zip(rules, cursors, strict=True) if cursor.description is None)
        raise BadRule(f"rule {refused.name}: {str(error).splitlines()[0]}") from error
    return [Result(rule, *cursor.fetchall()[0]) for rule, cursor in zip(rules, cursors, strict=True)]


def keep(connection: psycopg.Connection[Any], table: str, results: Sequence[Result], scope: Scope) -> None:
    """Write the results to `etl.quality_result`, all or none."""
    about: dict[str, Any] = {"table_name": table, "run_name": scope.run_name, "run_id": scope.run_id}
    about |= {"since": scope.since, "until": scope.until}
    rows = [about | _row(result) for result in results]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(statement("keep_result"), rows)


def kept(connection: psycopg.Connection[Any], run_name: str) -> list[Kept]:
    """Return the results of a run's check that was made a short while ago; none if it made none."""
    with connection.transaction():
        rows = connection.execute(statement("kept_results"), {"run_name": run_name}).fetchall()
    return [Kept(*row) for row in rows]


def evaluation(rule: DQRule) -> bytes:
    """Return the statement that applies a rule; the rule's own query takes no parameters."""
    return statement("evaluate").replace(b"%(rule)s", rule.sql.replace("%", "%%").encode())


def parameters(rule: DQRule, scope: Scope) -> dict[str, Any]:
    """Return the parameters of that statement."""
    return {
        "run_id": scope.run_id,
        "since": scope.since,
        "until": scope.until,
        "window_length": WINDOW,
        "rule_limit": rule.limit,
        "observed": Jsonb(dict(scope.observed)),
        "sample_size": SAMPLE_SIZE,
    }


def _row(result: Result) -> dict[str, Any]:
    return {
        "rule": result.rule.name,
        "dimension": result.rule.dimension,
        "severity": result.rule.severity,
        "status": result.status,
        "condition": result.rule.condition,
        "observed": result.observed,
        "unit": result.rule.unit,
        "checked": result.checked,
        "offenders": result.offenders,
        "sample": Jsonb(result.sample),
    }
