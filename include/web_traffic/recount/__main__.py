"""Command line: `python -m web_traffic.recount`."""

import argparse
import sys
from collections.abc import Sequence

from web_traffic.recount import RecountImpossible, recount
from web_traffic.settings import Settings, SettingsError

DESCRIPTION = """\
Recount the Kafka topic by independent rules and compare with the table aggregated_web_traffic and the ledger.
Addresses and login come from the environment: KAFKA_URL, KAFKA_TOPIC, POSTGRES_URL, POSTGRES_USER,
POSTGRES_PASSWORD, and MAX_CLOCK_SKEW as the runs had it. Changes nothing. Exit code 0: all numbers are right;
1: some are not; 2: it could not be checked.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    argparse.ArgumentParser(prog="python -m web_traffic.recount", description=DESCRIPTION).parse_args(arguments)
    try:
        outcome = recount(Settings.from_environment())
    except (RecountImpossible, SettingsError) as error:
        sys.stderr.write(f"Can't recount: {error}\n")
        return 2
    sys.stdout.write(f"{outcome}\n")
    return 0 if outcome.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
