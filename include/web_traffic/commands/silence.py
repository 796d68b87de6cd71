"""Command line: `web-traffic silence`."""

import argparse
import getpass
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from web_traffic.alerts.store import LONGEST_HOURS, open_incidents, silence
from web_traffic.arguments import positive
from web_traffic.causes import explain
from web_traffic.errors import EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN, NeedsAttention
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

DESCRIPTION = f"""\
List the open incidents, or silence one of them by its number. A silenced incident counts as known: it is not red on
the page, and the watchdog's exit code ignores it. If it is still open at the end, people get another message.
Address and login come from the environment: POSTGRES_URL, POSTGRES_USER and POSTGRES_PASSWORD, role
web_traffic_writer. Exit code 0: done; {EXIT_TRY_AGAIN}: PostgreSQL does not answer; {EXIT_NEEDS_ATTENTION}: no such
incident is open, PostgreSQL refuses the login, or a setting is wrong. Stderr has the error.
"""


def main(arguments: Sequence[str]) -> int:
    """List the open incidents, or silence one; returns the exit code."""
    options = _options(arguments)
    try:
        with connect(Settings.from_environment()) as connection:
            if options.number is None:
                sys.stdout.writelines(_listed(open_incidents(connection)))
                return 0
            until = datetime.now(UTC) + timedelta(hours=options.hours)
            title = silence(connection, options.number, until, options.by, options.reason)
            if title is None:
                raise NeedsAttention(f"no incident {options.number} is open: web-traffic silence lists those that are")
    except (NeedsAttention, psycopg.Error) as error:
        sys.stderr.write(f"silence: {error}\n")
        return EXIT_NEEDS_ATTENTION if explain(error).needs_attention else EXIT_TRY_AGAIN
    sys.stdout.write(f"silenced until {until:%Y-%m-%d %H:%M} UTC: {title}\n")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="web-traffic silence", description=DESCRIPTION)
    parser.add_argument("number", nargs="?", type=positive, help="number of the incident; without it, list them")
    parser.add_argument("--hours", type=positive, default=24, help="for how long (default: %(default)s)")
    parser.add_argument("--reason", help="why it may wait")
    parser.add_argument("--by", default=getpass.getuser(), help="who says so (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.number is not None and not (options.reason or "").strip():
        parser.error("--reason: say why it may wait")
    if options.hours > LONGEST_HOURS:
        parser.error(f"--hours: at most {LONGEST_HOURS}, which is a year")
    return options


def _listed(incidents: Sequence[dict[str, Any]]) -> Iterator[str]:
    for one in incidents:
        yield f"{one['alert_id']}  {one['severity']}  {one['title']}, since {one['first_at']:%Y-%m-%d %H:%M} UTC\n"
        if one["is_known"]:
            until = f"{one['silenced_until']:%Y-%m-%d %H:%M} UTC"
            yield f"    silenced until {until} by {one['silenced_by']}: {one['silence_reason']}\n"
    if not incidents:
        yield "no incident is open\n"
