"""Measure how long the page's views take on ten million rows: the median of so many rounds, connection included.

The processor time behind it, of this process and of PostgreSQL, is what a busy machine does not change much.

With PostgreSQL up (`make up`): `python -m bench.page`. It makes a database `bench` of its own, once; `--fresh` makes
it anew. The exit code is 1 if a view is too slow.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from local_stack import Stack
from local_stack.postgres import make_warehouse
from web_traffic.page.asking import Connection, reading
from web_traffic.page.lists import Wanted, page
from web_traffic.page.overview import overview
from web_traffic.page.pipeline import pipeline
from web_traffic.page.quality import alerts, quality
from web_traffic.page.ranges import PRESETS, BadRange, Range
from web_traffic.page.rejected import rejected
from web_traffic.page.restatements import restatements
from web_traffic.page.traffic import traffic
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate

DATA = Path(__file__).with_name("page_data.sql")
ROWS = "SELECT count(*), max(window_end) FROM aggregated_web_traffic"
LIMIT_MS = 300
"""What each view must stay below, at the median."""
BIGGEST = "www.site-0.example"
View = Callable[[Connection, Range], Any]
VIEWS: dict[str, View] = {
    "The state on top": lambda connection, _: overview(connection),
    "Traffic": traffic,
    "Traffic of hosts that contain `site-1`": lambda connection, within: traffic(connection, within, "site-1"),
    "Traffic against a week ago": lambda connection, within: traffic(connection, within, against="week"),
    "All hosts by name": lambda connection, within: page(connection, within, Wanted("hosts", sort="name"), 1),
    "All sites by change": lambda connection, within: page(connection, within, Wanted("sites", sort="change"), 1),
    "Referrers of the biggest host": lambda connection, within: page(
        connection, within, Wanted("referrers", host=BIGGEST), 0
    ),
    "Windows of the biggest host": lambda connection, within: page(
        connection, within, Wanted("windows", host=BIGGEST, sort="name"), 0
    ),
    "Pipeline": pipeline,
    "Quality": quality,
    "Rejected events": rejected,
    "Rejected events for one reason": lambda connection, within: rejected(connection, within, "host missing"),
    "Restatements": restatements,
    "Alerts": alerts,
}


def main() -> None:
    """Make the data if they are not there, then measure each view at each range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="rounds of each view (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="make the data anew")
    options = parser.parse_args()
    stack = Stack.load()
    settings = _settings(stack, "reader", stack.secrets.postgres_reader)
    if options.fresh or not _is_made(settings):
        _make(stack)
    with reading(settings) as connection:
        [(rows, until)] = connection.execute(ROWS).fetchall()
    print(f"{rows:,} rows, medians of {options.rounds} in ms (processor time)\n")
    print(f"| view | {' | '.join(PRESETS)} |\n|---|---|---|---|---|")
    too_slow = False
    for name, view in VIEWS.items():
        medians = [_median(settings, view, preset, until, options.rounds) for preset in PRESETS]
        print(
            f"| {name} | {' | '.join(f'{one[0]:.0f} ({one[1]:.0f})' if one else '-' for one in medians)} |", flush=True
        )
        too_slow |= any(one is not None and one[0] >= LIMIT_MS for one in medians)
    if too_slow:
        sys.exit(f"a view takes {LIMIT_MS} ms or more")


def _median(settings: Settings, view: View, preset: str, until: datetime, rounds: int) -> tuple[float, float] | None:
    """Return the medians of wall and processor time in milliseconds; None for a range that the view does not show."""
    within = Range.of(preset, None, None, until)
    wall, processor = [], []
    for _ in range(rounds):
        begin = time.perf_counter()
        try:
            with reading(settings) as connection:
                view(connection, within)
                wall.append(1000 * (time.perf_counter() - begin))
            with reading(settings) as connection:
                # Parallel workers would be processes of their own.
                connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
                before = _processor(connection.info.backend_pid)
                view(connection, within)
                processor.append(1000 * (_processor(connection.info.backend_pid) - before))
        except BadRange:
            return None
    return statistics.median(wall), statistics.median(processor)


def _processor(server: int) -> float:
    """Return the seconds of processor time that this process and one of PostgreSQL's have used."""
    server_ticks = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[11:13]
    return time.process_time() + sum(map(int, server_ticks)) / os.sysconf("SC_CLK_TCK")


def _make(stack: Stack) -> None:
    with _administrator(stack) as connection:
        connection.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
    make_warehouse(stack, "bench")
    with connect(_settings(stack, "owner", stack.secrets.postgres_owner)) as connection:
        migrate(connection)
        begin = time.monotonic()
        [(index,)] = connection.execute("SELECT pg_get_indexdef('aggregated_web_traffic_key'::regclass)").fetchall()
        connection.execute("DROP INDEX aggregated_web_traffic_key")
        connection.execute(DATA.read_bytes())
        connection.execute(index)
        print(f"made the data at {datetime.now(UTC):%H:%M}, in {time.monotonic() - begin:.0f} s", file=sys.stderr)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")


def _is_made(settings: Settings) -> bool:
    try:
        with reading(settings) as connection:
            return connection.execute("SELECT 1 FROM etl.run LIMIT 1").fetchone() is not None
    except (psycopg.OperationalError, psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return False


def _administrator(stack: Stack) -> psycopg.Connection[Any]:
    admin = f"postgresql://postgres:{stack.secrets.postgres_admin}@127.0.0.1:{stack.ports.postgres}/postgres"
    return psycopg.connect(admin, autocommit=True)


def _settings(stack: Stack, role: str, password: str) -> Settings:
    url = stack.postgres_url.removesuffix("web_traffic") + "bench"
    login = {"POSTGRES_USER": f"web_traffic_{role}", "POSTGRES_PASSWORD": password}
    return Settings.from_environment({"POSTGRES_URL": url, **login})


if __name__ == "__main__":
    main()
