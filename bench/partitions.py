"""Measure what partitions of the result table cost and save: by no time, by month and by day.

With PostgreSQL up (`make up`): `python -m bench.partitions`. It fills a table of each kind in a database of its own,
which is removed at the end. `--rows` is how many rows each gets, over 120 days.
"""

import argparse
import statistics
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from local_stack import Stack
from local_stack.postgres import make_warehouse
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate
from web_traffic.window_length import WINDOW

DAYS, KEPT = 120, 90
START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
STEPS = {"plain": None, "by month": "1 month", "by day": "1 day"}
DATABASE = "bench_partitions"
INSERT = """
INSERT INTO {table} (window_start, window_end, host, referrer, num_hits)
SELECT
    w.at, w.at + %(window)s, 'www.site-' || i %% 100 || '.example', 'https://www.site-1.example/page/' || i, 1 + i %% 7
FROM generate_series(cast(%(first)s AS timestamptz), cast(%(last)s AS timestamptz) - %(window)s, %(window)s) AS w (at)
CROSS JOIN generate_series(1, %(keys)s) AS i
"""
TRIGGERS = """
CREATE TRIGGER keep_sums_of_added AFTER INSERT ON {table}
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums();
CREATE TRIGGER keep_sums_of_removed AFTER DELETE ON {table}
REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION etl.keep_sums()
"""
READS = {
    "rows of one window": "SELECT sum(num_hits) FROM {table} WHERE window_start = %(last)s - 2 * %(window)s",
    "rows of a day": (
        "SELECT count(*) FROM {table} WHERE window_start >= %(last)s - interval '1 day' AND window_start < %(last)s"
    ),
}


def main() -> None:
    """Fill and measure one table after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of each table (default: %(default)s)")
    options = parser.parse_args()
    keys = options.rows // (DAYS * timedelta(days=1) // WINDOW)
    stack = Stack.load()
    _drop(stack)
    make_warehouse(stack, DATABASE)
    owner = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": stack.secrets.postgres_owner}
    url = stack.postgres_url.removesuffix("web_traffic") + DATABASE
    with closing(connect(Settings.from_environment({"POSTGRES_URL": url, **owner}))) as connection:
        migrate(connection)
        found = {kind: _measure(connection, kind, step, keys) for kind, step in STEPS.items()}
    _drop(stack)
    print(f"{options.rows:,} rows over {DAYS} days, medians\n\n| | {' | '.join(found)} |\n|---|{'---|' * len(found)}")
    for name in found["plain"]:
        print(f"| {name} | {' | '.join(f'{figures[name]:,.1f}' for figures in found.values())} |")


def _measure(connection: psycopg.Connection[Any], kind: str, step: str | None, keys: int) -> dict[str, float]:
    table = sql.Identifier("public", f"windows {kind}")
    about = {"window": WINDOW, "first": START, "last": END, "keys": keys}

    def run(statement: str, **others: Any) -> float:
        begin = time.perf_counter()
        with connection.transaction():
            connection.execute(sql.SQL(statement).format(table=table), about | others)  # type: ignore[arg-type]  # all are literals of this file
        return time.perf_counter() - begin

    partitions = _make(connection, table, kind, step)
    for day in range(DAYS):
        first = START + timedelta(days=day)
        run(INSERT, first=first, last=first + timedelta(days=1))
    run(TRIGGERS.partition(";")[0])
    run(TRIGGERS.partition(";")[2])
    connection.autocommit = True
    connection.execute(sql.SQL("VACUUM ANALYZE {}").format(table))
    connection.autocommit = False
    runs = [run(INSERT, first=END + number * WINDOW, last=END + (number + 1) * WINDOW) for number in range(41)]
    day = END + timedelta(days=1)
    figures = {
        "a run inserts one window, ms": 1000 * statistics.median(runs),
        "a run inserts a day, s": run(INSERT, first=day, last=day + timedelta(days=1)),
    }
    for name, statement in READS.items():
        figures[f"{name}, ms"] = 1000 * statistics.median(run(statement) for _ in range(21))
    oldest = START + timedelta(days=1)
    figures["`DELETE` of a day, s"] = run("DELETE FROM {table} WHERE window_start < %(oldest)s", oldest=oldest)
    cutoff = END - timedelta(days=KEPT)
    begin = time.perf_counter()
    if partitions:
        with connection.transaction():
            for name, until in partitions.items():
                if until <= cutoff:
                    connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    else:
        run("DELETE FROM {table} WHERE window_start < %(cutoff)s", cutoff=cutoff)
    figures[f"all but {KEPT} days go, s (rows deleted, or partitions dropped)"] = time.perf_counter() - begin
    run("DROP TABLE {table}")
    run("TRUNCATE etl.hits_by_host, etl.hits_by_site")
    return figures


def _make(
    connection: psycopg.Connection[Any], table: sql.Identifier, kind: str, step: str | None
) -> dict[str, datetime]:
    """Make the table with the key of the result table; returns its partitions, with the end of each."""
    by = sql.SQL("PARTITION BY RANGE (window_start)") if step else sql.SQL("")
    with connection.transaction():
        like = sql.SQL("CREATE TABLE {} (LIKE public.aggregated_web_traffic INCLUDING CONSTRAINTS) {}")
        connection.execute(like.format(table, by))
        [(index,)] = connection.execute("SELECT pg_get_indexdef('aggregated_web_traffic_key'::regclass)").fetchall()
        columns = index.partition(" USING ")[2]
        connection.execute(sql.SQL("CREATE UNIQUE INDEX ON {} USING {}").format(table, sql.SQL(columns)))
        bounds = (
            connection.execute(
                "SELECT at, at + %(step)s::interval "
                "FROM generate_series(%(first)s, %(last)s, %(step)s::interval) AS at",
                {"step": step, "first": START, "last": END + timedelta(days=2)},
            ).fetchall()
            if step
            else []
        )
        partitions = {}
        for first, until in bounds:
            name = f"{kind} {first:%Y%m%d}"
            part = sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})")
            connection.execute(part.format(sql.Identifier(name), table, sql.Literal(first), sql.Literal(until)))
            partitions[name] = until
    return partitions


def _drop(stack: Stack) -> None:
    admin = {"POSTGRES_USER": "postgres", "POSTGRES_PASSWORD": stack.secrets.postgres_admin}
    url = stack.postgres_url.removesuffix("web_traffic") + "postgres"
    with closing(connect(Settings.from_environment({"POSTGRES_URL": url, **admin}))) as connection:
        connection.autocommit = True
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))


if __name__ == "__main__":
    main()
