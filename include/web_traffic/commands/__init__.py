"""The command `web-traffic`: what an operator runs beside Airflow.

Each command is a module of this package. Its function `main` takes the arguments behind the command's name and returns
the exit code. The module is imported when its command runs, so no command waits for the imports of another one.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from web_traffic.errors import EXIT_CODES

COMMANDS = {
    "recount": "count the topic again, and compare the table with the result",
    "redrive": "send rejected events back to the topic",
    "migrate": "bring the schema of the database up to date",
    "watchdog": "tell people if the pipeline does not run",
    "package": "pack the code and the libraries for Spark's workers",
    "silence": "take note of an open incident, for a reason and up to a time",
}
DESCRIPTION = """\
Look after the web-traffic pipeline. Addresses and logins come from the environment: `web-traffic COMMAND --help` names
the variables and the options of a command.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code, one of `EXIT_CODES`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    name = _parser().parse_args(arguments[:1]).command
    code: int = import_module(f"web_traffic.commands.{name}").main(arguments[1:])
    return code


def _parser() -> argparse.ArgumentParser:
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    parser = argparse.ArgumentParser(
        prog="web-traffic",
        description=DESCRIPTION,
        epilog=f"Exit codes of all commands:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    return parser
