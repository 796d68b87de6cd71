"""The advisory locks of the database: one for each kind of work that one process does at a time."""

from datetime import datetime, timedelta
from enum import IntEnum, unique
from typing import Any

import psycopg

from web_traffic.errors import InProgress
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import Connection, connect

statement = statements_beside(__name__)
MILLISECOND = timedelta(milliseconds=1)


@unique
class Lock(IntEnum):
    """All advisory locks of the project, by numbers that nothing else in the database uses.

    A lock lasts as long as the connection that `take_turn` returns.
    """

    MIGRATION = 0x7765_6274
    """Guards the schema: one process at a time looks which migrations are missing, and applies them."""
    LIVE_RUN = 0x7765_6275
    """Guards the checkpoint and the ledger: one live run at a time reads new records and commits windows."""
    RESTATEMENT = 0x7765_6276
    """Guards closed windows: one restatement at a time counts them again. Live runs go on meanwhile."""
    REDRIVE = 0x7765_6277
    """Guards rejected events: one redrive at a time chooses some, and sends them back to the topic."""

    @property
    def work(self) -> str:
        """What its holder does, in words."""
        return self.name.lower().replace("_", " ")


def take_turn(
    connection: Connection, lock: Lock, wait: timedelta, refusal: type[Exception] = InProgress
) -> Connection:
    """Take a lock, and return a second connection that holds it until it is closed.

    The lock belongs to an open transaction, because a pooler may give a session to another client between two of them.
    After a wait in vain it raises `refusal`, which names the holder of the lock.
    """
    turn = connect(connection.settings)
    try:
        turn.execute(
            "SELECT set_config('statement_timeout', '0', true), "  # it would cut a long wait short
            "set_config('idle_in_transaction_session_timeout', '0', true), set_config('lock_timeout', %s, true)",
            [f"{wait // MILLISECOND}ms"],
        )
        turn.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
    except psycopg.errors.LockNotAvailable:
        turn.close()
        raise refusal(
            f"another {lock.work} is in progress after a wait of {wait}: {_holder(connection, lock)}"
        ) from None
    except BaseException:
        turn.close()
        raise
    return turn


def lock_pipeline(connection: psycopg.Connection[Any]) -> tuple[int | None, str | None, datetime | None]:
    """Let nobody else commit to the result table until the transaction ends.

    Returns the run that the pipeline belongs to: its number, its name and when it started.
    """
    [(run_id, name, started_at)] = connection.execute(statement("lock_pipeline")).fetchall()
    return run_id, name, started_at


def _holder(connection: psycopg.Connection[Any], lock: Lock) -> str:
    with connection.transaction():
        found = connection.execute(statement("lock_holder"), {"lock": lock}).fetchone()
    if found is None:
        return "its holder has just ended; start again"
    name, pid, connected_at = found
    return (
        f"{name}, connected since {connected_at}; "
        f"wait for its end, or end it with SELECT pg_terminate_backend({pid}) if it hangs"
    )
