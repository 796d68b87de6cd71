"""The work of today does not grow with the past: what each statement reads at a few runs, and at ten times as many."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from bench.runs import database, steps
from local_stack import Stack

FEW, MANY = 1_000, 10_000
MARGIN = 100
"""Rows that a plan may read more: a restatement in the range, a page of an index."""


def rows_read(plan: dict[str, Any]) -> float:
    """Return how many rows a plan has read of tables and indexes."""
    below = sum(rows_read(child) for child in plan.get("Plans", ()))
    if "Relation Name" not in plan or plan["Node Type"] == "ModifyTable":
        return below
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    return below + float((plan["Actual Rows"] + removed) * plan["Actual Loops"])


def reading(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, float]]:
    for step in steps(connection):
        with connection.transaction(force_rollback=True):
            explained = connection.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + step.sql, step.parameters)
            [([found],)] = explained.fetchall()
        yield f"{step.part}: {step.name}", rows_read(found["Plan"])


@pytest.fixture(scope="module")
def few_and_many(stack: Stack) -> list[dict[str, float]]:
    found = []
    for runs in (FEW, MANY):
        with database(stack, runs) as connection:
            found.append(dict(reading(connection)))
    return found


def test_no_statement_reads_more_rows_because_there_were_more_runs(few_and_many: list[dict[str, float]]) -> None:
    few, many = few_and_many
    assert {name: (few[name], rows) for name, rows in many.items() if rows > few[name] + MARGIN} == {}
