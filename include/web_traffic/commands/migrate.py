"""Command line: `web-traffic migrate`."""

import argparse
import sys
from collections.abc import Sequence

import psycopg

from web_traffic.causes import explain
from web_traffic.errors import EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN, InProgress, NeedsAttention
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate

DESCRIPTION = f"""\
Apply the migrations that the database lacks, in order, each of them once and all or nothing. The DAG's task prepare
does the same at each run. Address and login come from the environment: POSTGRES_URL, POSTGRES_USER, who must own the
database, and POSTGRES_PASSWORD. Exit code 0: the schema is up to date; {EXIT_TRY_AGAIN}: PostgreSQL does not answer,
or another process is migrating; {EXIT_NEEDS_ATTENTION}: PostgreSQL refuses the login, the role lacks a right, database
and code do not belong together, or a setting is wrong. Stderr has the error.
"""


def main(arguments: Sequence[str]) -> int:
    """Migrate the database that the environment names; returns the exit code."""
    argparse.ArgumentParser(prog="web-traffic migrate", description=DESCRIPTION).parse_args(arguments)
    try:
        with connect(Settings.from_environment()) as connection:
            applied = migrate(connection)
    except (NeedsAttention, InProgress, psycopg.Error) as error:
        lacks_rights = isinstance(error, psycopg.errors.InsufficientPrivilege)
        hint = "; log in as the role that owns the database" if lacks_rights else ""
        sys.stderr.write(f"migrate: {error}{hint}\n")
        return EXIT_NEEDS_ATTENTION if explain(error).needs_attention else EXIT_TRY_AGAIN
    sys.stdout.write(f"applied {', '.join(applied)}\n" if applied else "the schema is up to date\n")
    return 0
