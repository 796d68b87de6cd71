"""Command line: `web-traffic redrive`."""

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill

import psycopg

from web_traffic.arguments import positive, time_argument
from web_traffic.errors import (
    EXIT_INTERRUPTED,
    EXIT_NEEDS_ATTENTION,
    EXIT_TRY_AGAIN,
    InProgress,
    KafkaUnavailable,
    NeedsAttention,
    RedriveTakenOver,
)
from web_traffic.kafka import describe_topic
from web_traffic.reasons import Reason
from web_traffic.redrive.candidates import Pages, Report, repaired, selected
from web_traffic.redrive.files import export, read_values
from web_traffic.redrive.ledger import RedriveLedger, Selection
from web_traffic.redrive.protocol import ASSUMPTIONS, Redriver, choose
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import Connection, connect
from web_traffic.warehouse.migrate import require_schema

DESCRIPTION = """\
Send rejected events (etl.rejected_event) back to the Kafka topic, each of them once: those that are valid events by
now, such as events from the future whose time has come, or events whose value you have repaired. The others stay.

  1. --dry-run tells how many would go back.
  2. --export FILE writes them as NDJSON; edit the values, and leave out the lines that you don't want to send.
  3. --values FILE sends the repaired ones.

The next run of the DAG counts them, each in the window of its event_time. A window that is closed already is not
opened again: the run drops such an event as late, and its books show that; only a restatement counts it.

If the command is interrupted, or if Kafka or PostgreSQL is down, start it again with the same arguments: it first
finds out whether the interrupted events are in the topic. It also finds events that went back before the database was
restored from an older copy. For this it reads the records that have come into the topic since the last redrive.
"""
EPILOG = f"""\
{fill(f"Reasons: {'; '.join(Reason)}.", 119)}

Addresses and logins come from the environment: KAFKA_URL, KAFKA_CONFIG, KAFKA_TOPIC, POSTGRES_URL, POSTGRES_USER,
POSTGRES_PASSWORD, and MAX_CLOCK_SKEW as the runs have it. Exit code 0: done; {EXIT_TRY_AGAIN}: start it again later;
{EXIT_NEEDS_ATTENTION}: a person has to put something right first. Stderr has the error.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns its exit code."""
    options = _options(arguments)
    try:
        settings = Settings.from_environment()
        with connect(settings) as connection:
            require_schema(connection)
            for text in _run(settings, connection, options, shlex.join(arguments)):
                sys.stdout.write(f"{text}\n")
    except NeedsAttention as error:
        sys.stderr.write(f"redrive: {error}\n")
        return EXIT_NEEDS_ATTENTION
    except (KafkaUnavailable, InProgress, RedriveTakenOver, OSError) as error:
        sys.stderr.write(f"redrive: {error}\n")
        return EXIT_TRY_AGAIN
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
        sys.stderr.write(f"redrive: PostgreSQL at {settings.postgres_url}: {reason}\n")
        return EXIT_TRY_AGAIN
    except KeyboardInterrupt:
        sys.stderr.write("redrive: stopped; start it again to finish it\n")
        return EXIT_INTERRUPTED
    return 0


def _run(settings: Settings, connection: Connection, options: argparse.Namespace, selector: str) -> Iterator[str]:
    """Run the command, and yield the lines of its output."""
    ledger = RedriveLedger(connection)
    pages = _pages(settings, ledger, options)
    if options.export:
        written = export(options.export, (candidate.event for page in pages for candidate in page))
        yield f"Wrote {written:,} rejected events to {options.export}."
    elif options.dry_run:
        report = Report()
        for page in pages:
            choose(page, settings, report)
        yield from report.lines("would go back")
    else:
        redriver = Redriver.begin(settings, RedriveLedger.alone(connection), selector, _tell)
        redriver.settle(options.assume)
        yield from redriver.redrive(pages).lines("went back")


def _pages(settings: Settings, ledger: RedriveLedger, options: argparse.Namespace) -> Pages:
    if options.values:
        return repaired(ledger, read_values(options.values, describe_topic(settings).id))
    return selected(ledger, Selection(tuple(options.reason), options.since, options.until, options.limit))


def _tell(progress: str) -> None:
    sys.stderr.write(f"{progress}\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="web-traffic redrive",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = parser.add_argument_group("which events (at least one of these)")
    which.add_argument(
        "--reason",
        action="append",
        default=[],
        choices=list(Reason),
        metavar="TEXT",
        help="rejected for this reason; repeatable",
    )
    which.add_argument("--since", type=time_argument, metavar="TIME", help="rejected at this time or later, RFC 3339")
    which.add_argument("--until", type=time_argument, metavar="TIME", help="rejected before this time")
    which.add_argument("--values", type=Path, metavar="FILE", help="the events in this file, with its values (NDJSON)")
    parser.add_argument("--limit", type=positive, metavar="N", help="only the N oldest of the selected events")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--dry-run", action="store_true", help="only count: send and change nothing")
    instead.add_argument("--export", type=Path, metavar="FILE", help="only write the events to a new file (NDJSON)")
    instead.add_argument(
        "--assume", choices=ASSUMPTIONS, help="what became of interrupted events, if Kafka can no longer tell"
    )
    options = parser.parse_args(arguments)
    selectors = options.reason or options.since or options.until
    if not selectors and not options.values:
        parser.error("select events: give --reason, --since, --until or --values")
    if options.values and (selectors or options.limit or options.export):
        parser.error("--values selects the events: leave out --reason, --since, --until, --limit and --export")
    return options
