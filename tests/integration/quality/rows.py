"""Rows for the rules, all on 29 March 2026, UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import Result, Scope, check

Connection = psycopg.Connection[Any]
BY_NAME = {rule.name: rule for rule in RULES}


def at(time: str) -> datetime:
    """The time `HH:MM` of the day."""
    return datetime.fromisoformat(f"2026-03-29T{time}+00:00").astimezone(UTC)


def about(since: str = "00:00", until: str = "00:15", run_id: int | None = None, **observed: Any) -> Scope:
    """A scope of the windows that end after `since` and not after `until`."""
    return Scope("test", run_id, at(since), at(until), observed)


def apply(connection: Connection, name: str, scope: Scope) -> Result:
    [result] = check(connection, [BY_NAME[name]], scope)
    return result


def add_run(connection: Connection, **columns: Any) -> int:
    """Enter a run in the books and return its number."""
    row = {"name": "a run", "status": "succeeded", "late": 0, "dropped_rows": 0} | columns
    names, places = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    statement = f"INSERT INTO etl.run ({names}) VALUES ({places}) RETURNING run_id"
    [(run_id,)] = connection.execute(statement, row).fetchall()
    return int(run_id)


def add_batch(connection: Connection, run_id: int, end_offsets: dict[str, int]) -> None:
    """Enter a batch in the ledger that ends at these offsets."""
    connection.execute(
        "INSERT INTO etl.batch "
        "(query_id, batch_id, run_id, planned_at, start_offsets, end_offsets, windows, emitted, superseded) "
        "VALUES (gen_random_uuid(), 0, %s, now(), '{}', %s, 0, 0, 0)",
        [run_id, Jsonb(end_offsets)],
    )


def add_windows(
    connection: Connection,
    *starts: str,
    host: str = "a.example",
    referrer: str | None = "x",
    minutes: int = 5,
    num_hits: int = 1,
) -> None:
    """Write one row for each start to the result table."""
    for start in starts:
        connection.execute(
            "INSERT INTO aggregated_web_traffic VALUES (%(start)s, %(start)s + make_interval(mins => %(minutes)s), "
            "%(host)s, %(referrer)s, %(num_hits)s)",
            {"start": at(start), "host": host, "referrer": referrer, "minutes": minutes, "num_hits": num_hits},
        )


def add_hits(connection: Connection, rows: Iterable[tuple[datetime, str, int]]) -> None:
    """Write many rows (window start, host, hits) to the result table."""
    with connection.cursor() as cursor:
        statement = "COPY aggregated_web_traffic (window_start, window_end, host, num_hits) FROM STDIN"
        with cursor.copy(statement) as copy:
            for start, host, hits in rows:
                copy.write_row((start, datetime.fromtimestamp(start.timestamp() + 300, UTC), host, hits))
