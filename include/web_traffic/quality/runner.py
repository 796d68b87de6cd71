"""Applies rules to a database."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from web_traffic.quality.rules import DQRule

SAMPLE_SIZE = 5


@dataclass(frozen=True, slots=True)
class Result:
    """What a rule found: the number of offenders, and the first of them."""

    rule: DQRule
    offenders: int
    sample: list[dict[str, Any]]

    def __str__(self) -> str:
        if not self.offenders:
            return f"{self.rule.name}: passed"
        return f"{self.rule.name}: {self.offenders} offenders ({self.rule.description}), such as {self.sample[0]}"


def check(connection: Any, rules: Iterable[DQRule]) -> list[Result]:
    """Apply each rule through a DB-API connection, and return the results in the rules' order."""
    return [_apply(connection, rule) for rule in rules]


def _apply(connection: Any, rule: DQRule) -> Result:
    with connection.cursor() as cursor:
        cursor.execute(rule.sql)
        sample = cursor.fetchmany(SAMPLE_SIZE)
        names = [column[0] for column in cursor.description]
        return Result(rule, max(cursor.rowcount, 0), [dict(zip(names, row, strict=True)) for row in sample])
