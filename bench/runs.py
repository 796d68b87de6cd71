"""Measure whether the work of today grows with the number of past runs: each statement at 1,000 and at 100,000 runs.

With PostgreSQL up (`make up`): `python -m bench.runs`. It makes a database for each number of runs, once; `--fresh`
makes them anew. It ends with 1 if a part of the work takes more than 1.1 of its time.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from local_stack import Stack
from local_stack.postgres import make_warehouse
from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import Scope, evaluation, parameters
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate
from web_traffic.window_length import WINDOW, window_start

FEW, MANY, LIMIT = 1_000, 100_000, 1.1
DOMAIN = Path(__file__).parents[1] / "include" / "web_traffic"
DATA = Path(__file__).with_name("runs_data.sql")
PARTS = {
    "gate and examination": (
        "warehouse: standing newest_batches newest_writer last_records rebuild_range window_change rejected_earlier "
        "altered_table"
    ),
    "live run": (
        "warehouse: open_run accept register_checkpoint last_closed lock_pipeline find_batch move_staged_windows "
        "enter_batch seal mark_run count_batch close_run fail_run run_summary take_share, "
        "downstream: sealed_until restated_hours"
    ),
    "quality check": "quality: run_scope keep_result, recount: window_batches",
    "restatement": (
        "restatement: open_restatement batches_to_read read_ranges window_writers sealed_until plan_restatement "
        "lock_restatement find_changes taken_away biggest_changes replace_windows restated_pipeline seal_idle_windows "
        "share_restatement close_restatement"
    ),
    "page": (
        "page: overview state runs delay_per_bucket lag_per_bucket newest_batch quality_per_bucket quality_rules "
        "restatements restated_rows restated_windows alerts hits_per_bucket top_hosts top_sites rejected_by_reason "
        "rejected_events rejected_download metrics"
    ),
    "alerts": ("alerts: overdue open_incident close_incidents claim_incident mark_sent open_incidents"),
}
"""The statements of each part of the work, by the folder that they are in."""
ELSEWHERE = {
    "alerts": "digest end_silences enter_digest silence",
    "page": "referrers_of_host windows_of_host",
    "warehouse": "insert_rejected_events lock_holder migration_table release_places",
    "quality": "evaluate kept_results",
    "recount": "ledger rejected restatements rows_not_checked sealed_until windows",
    "retention": (
        "alerts keep_runs_from keep_windows_from measure_rejected oldest_runs oldest_windows quality_results "
        "rejected_events restatements runs"
    ),
    "redrive": (
        "enter_found_redrives finish_redrive mark_rejected_events open_redrive redrive_records redrive_search "
        "rejected_by_place rejected_page unsettled_redrive withdraw_redrive"
    ),
}
"""What no part of the daily work runs, or what reads no ledger; the quality rules run as they are."""


class Step(NamedTuple):
    """One statement of a part."""

    part: str
    name: str
    sql: bytes
    parameters: Mapping[str, Any]


def main() -> int:
    """Make the databases if they are not there, measure both in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=41, help="rounds of each statement (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="make the data anew")
    options = parser.parse_args()
    stack = Stack.load()
    with ExitStack() as opened:
        connections = [opened.enter_context(closing(database(stack, runs, options.fresh))) for runs in (FEW, MANY)]
        medians = _measure(connections, options.rounds)
    print(f"Medians of {options.rounds} in ms\n\n| part | statement | {FEW:,} runs | {MANY:,} runs | ratio |")
    print("|---|---|---|---|---|")
    for (part, name), pair in medians.items():
        print(_row(part, name, pair))
    is_bounded = True
    for part in PARTS:
        sums = [sum(column) for column in zip(*(pair for (of, _), pair in medians.items() if of == part), strict=True)]
        print(_row(part, "all", sums))
        is_bounded &= sums[1] <= LIMIT * sums[0]
    return 0 if is_bounded else 1


def _row(part: str, name: str, pair: list[float]) -> str:
    return f"| {part} | {name} | {pair[0]:.2f} | {pair[1]:.2f} | {pair[1] / pair[0]:.2f} |"


def _measure(connections: list[psycopg.Connection[Any]], rounds: int) -> dict[tuple[str, str], list[float]]:
    plans = [list(steps(connection)) for connection in connections]
    medians = {}
    for pair in zip(*plans, strict=True):
        times: list[list[float]] = [[] for _ in pair]
        for _ in range(rounds):
            for found, connection, step in zip(times, connections, pair, strict=True):
                with connection.transaction(force_rollback=True):
                    begin = time.perf_counter()
                    connection.execute(step.sql, step.parameters)
                    found.append(1000 * (time.perf_counter() - begin))
        medians[pair[0].part, pair[0].name] = [statistics.median(found) for found in times]
    return medians


def database(stack: Stack, runs: int, is_fresh: bool = False) -> psycopg.Connection[Any]:
    """Return a connection to the database with so many runs, as its owner; makes it if it is not there."""
    name = f"bench_runs_{runs}"
    with closing(_connect(stack, "postgres", "postgres", stack.secrets.postgres_admin)) as administrator:
        administrator.autocommit = True
        is_there = administrator.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if is_fresh and is_there:
            administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
    if is_fresh or not is_there:
        make_warehouse(stack, name)
    connection = _connect(stack, name, "web_traffic_owner", stack.secrets.postgres_owner)
    if is_fresh or not is_there:
        fill(connection, runs)
    return connection


def fill(connection: psycopg.Connection[Any], runs: int) -> None:
    """Make the schema and the rows of so many runs in an empty database."""
    migrate(connection)  # type: ignore[arg-type]  # its rows are tuples, which Any does not say
    begin = time.monotonic()
    with connection.transaction(), psycopg.ClientCursor(connection) as cursor:
        cursor.execute(DATA.read_bytes(), {"runs": runs})
    connection.autocommit = True
    connection.execute("VACUUM ANALYZE")
    connection.autocommit = False
    print(f"made {runs:,} runs in {time.monotonic() - begin:.0f} s", file=sys.stderr)


def _connect(stack: Stack, name: str, user: str, password: str) -> psycopg.Connection[Any]:
    url = f"{stack.postgres_url.removesuffix('web_traffic')}{name}"
    login = {"POSTGRES_USER": user, "POSTGRES_PASSWORD": password}
    return connect(Settings.from_environment({"POSTGRES_URL": url, **login}))


def steps(connection: psycopg.Connection[Any]) -> Iterator[Step]:
    """Yield every statement of the daily work with parameters that fit to the newest runs of this database."""
    facts = _facts(connection)
    for part, listed in PARTS.items():
        own = {"windows": None} if part == "alerts" else {}  # those of an incident; elsewhere their number
        for group in listed.split(", "):
            folder, names = group.split(": ")
            for name in names.split():
                yield Step(part, name, (DOMAIN / folder / "sql" / f"{name}.sql").read_bytes(), facts | own)
    observed = {"end_offsets": {"0": 0}, "waiting": {}, "records_by_window": {}, "recount": []}
    observed |= {"newest_event_at": facts["at"].isoformat(), "sampled_window": facts["window_start"].isoformat()}
    scope = Scope("bench", facts["run_id"], facts["window_start"] - WINDOW, facts["window_start"] + WINDOW, observed)
    for rule in RULES:
        yield Step("quality check", f"rule {rule.name}", evaluation(rule), parameters(rule, scope))


def _facts(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return the parameters of all statements: each takes those that it names."""
    with connection.transaction():
        found = connection.execute(
            "SELECT run_id, name, query_id, last_batch, sealed_until, started_at FROM etl.run "
            "WHERE kind = 'live' ORDER BY run_id DESC LIMIT 1"
        )
        [(run_id, name, query_id, batch, sealed_until, at)] = found.fetchall()
    window = window_start(sealed_until) - 2 * WINDOW
    offsets = {str(partition): batch * 4000 for partition in range(4)}
    day = timedelta(days=1)
    return {
        **{
            "run_id": run_id,
            "name": name,
            "run_name": name,
            "kind": "live",
            "query_id": query_id,
            "batch_id": batch + 1,
        },
        **{"started_at": at, "at": at, "topic_id": "bench", "topic": "bench", "most": 100, "gap": None},
        **{"fingerprint": Jsonb({}), "window_length": WINDOW, "max_clock_skew": WINDOW, "skew": WINDOW},
        **{"window_start": window, "window_end": window + WINDOW, "watermark": at, "planned_at": at},
        **{
            "start_offsets": Jsonb(offsets),
            "end_offsets": Jsonb(offsets),
            "last_records": Jsonb({}),
            "phases": Jsonb({}),
        },
        **{"first_batch": batch, "last_batch": batch, "open_before": 0, "open_after": 0, "dropped_rows": 0},
        **{"left_work": False, "unit": None, "sort": "hits", "reverse": False, "skipped": 0},
        **{"read": 0, "rejected": 0, "future": 0, "windows": 0, "emitted": 0, "superseded": 0},
        **{"oldest_kafka_ms": 0, "newest_kafka_ms": 0, "stage_ids": [UUID(int=0)], "error": "an error"},
        **{"partitions": [0], "offsets": [batch * 4000], "told_until": at - day},
        **{"restate_from": window_start(at - 2 * day), "restate_to": window_start(at - day), "allowed_lateness": day},
        **{"first_end": window_start(at - 2 * day) + WINDOW, "earliest_ms": 0, "dry_run": False},
        **{"closes_idle_windows": False, "known_query_id": query_id, "known_batch": batch},
        **{
            "windows_checked": 0,
            "windows_changed": 0,
            "hits_before": 0,
            "hits_after": 0,
            "biggest_changes": Jsonb([]),
        },
        **{
            "since": at,
            "until": at,
            "table_name": "aggregated_web_traffic",
            "rule": "a_rule",
            "dimension": "validity",
        },
        **{
            "severity": "error",
            "status": "passed",
            "condition": "none",
            "observed": 0.0,
            "checked": 1,
            "offenders": 0,
        },
        **{"sample": Jsonb([]), "range_start": window_start(at - day), "range_end": window_start(at) + WINDOW},
        **{"bucket": WINDOW, "listed": 51, "before": None, "search": "", "stacked_hosts": 8, "checks": 60},
        **{"before_start": window_start(at - 2 * day), "before_end": window_start(at - day), "reason": ""},
        **{"before_time": at, "before_topic": "", "before_partition": 0, "before_offset": 0, "shown_bytes": 4096},
        **{"deadline": timedelta(minutes=20), "key": "web_traffic/aggregate", "keys": ["web_traffic/aggregate"]},
        **{"title": "", "next_step": "", "links": Jsonb({}), "books": None, "failure": "one", "failures": 1},
        **{
            "last_at": at,
            "channels": [],
            "unsent": [],
            "wanted": ["opened mail"],
            "alert_id": 1,
            "entry": "opened mail",
        },
    }


if __name__ == "__main__":
    sys.exit(main())
