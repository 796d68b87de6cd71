"""How the page asks the database: as the reader role, read-only, and never for long."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

from web_traffic.settings import Settings
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import connect
from web_traffic.window_length import window_start

statement = statements_beside(__name__)
LIMIT = "10s"
Connection = psycopg.Connection[Any]
Row = dict[str, Any]


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """Open one read-only transaction, so that all figures of a view are of the same moment.

    Raises `psycopg.OperationalError` when the server can't be reached, or takes longer than `LIMIT` for a query.
    """
    with closing(connect(settings)) as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [LIMIT])
            yield connection


def ask(connection: Connection, name: str, /, **parameters: object) -> list[Row]:
    """Return the rows of the query `sql/<name>.sql`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement(name), parameters).fetchall()


def closing_state(connection: Connection) -> Row:
    """Return `sealed_until`, down to the end of the last closed window, or None; and the hits of open windows.

    `kept_from` is the time before which retention has deleted windows, or None.
    """
    [state] = ask(connection, "state")
    sealed_until = state["sealed_until"]
    return state | {"sealed_until": window_start(sealed_until) if sealed_until else None}
