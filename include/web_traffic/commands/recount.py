"""Command line: `web-traffic recount`."""

import argparse
import sys
from collections.abc import Sequence

from web_traffic.arguments import time_argument
from web_traffic.errors import (
    EXIT_FOUND_WRONG,
    EXIT_NEEDS_ATTENTION,
    EXIT_TRY_AGAIN,
    NeedsAttention,
    RecountImpossible,
)
from web_traffic.recount import recount
from web_traffic.settings import Settings

DESCRIPTION = f"""\
Recount the Kafka topic by independent rules and compare with the table aggregated_web_traffic and the ledger.
Addresses and logins come from the environment: KAFKA_URL, KAFKA_CONFIG, KAFKA_TOPIC, POSTGRES_URL, POSTGRES_USER,
POSTGRES_PASSWORD, and MAX_CLOCK_SKEW as the runs had it. Changes nothing, and runs may go on meanwhile. By default it
checks all windows of which Kafka still holds all records, and says how many rows of the table it could not check.
Exit code 0: all numbers that it checked are right;
{EXIT_FOUND_WRONG}: some are not; {EXIT_TRY_AGAIN}: Kafka or PostgreSQL did not answer, start it again later;
{EXIT_NEEDS_ATTENTION}: Kafka no longer holds the records, or a person has to put something right first. Stderr has
the error.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog="web-traffic recount", description=DESCRIPTION)
    first = "check only windows that begin at this time or later, in UTC unless it says otherwise"
    parser.add_argument("--from", dest="since", type=time_argument, metavar="TIME", help=first)
    last = "check only windows that begin before this time"
    parser.add_argument("--to", dest="until", type=time_argument, metavar="TIME", help=last)
    options = parser.parse_args(arguments)
    if options.since and options.until and options.since >= options.until:
        parser.error(f"--from {options.since} must be earlier than --to {options.until}")
    try:
        outcome = recount(Settings.from_environment(), options.since, options.until)
    except (RecountImpossible, NeedsAttention) as error:
        sys.stderr.write(f"Can't recount: {error}\n")
        return EXIT_NEEDS_ATTENTION if isinstance(error, NeedsAttention) else EXIT_TRY_AGAIN
    sys.stdout.write(f"{outcome}\n")
    return 0 if outcome.is_right else EXIT_FOUND_WRONG
