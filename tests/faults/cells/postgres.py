"""Faults of PostgreSQL."""

import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from local_stack import Stack
from local_stack.environment import LOOPBACK
from local_stack.lifecycle import up
from local_stack.postgres import system_user
from tests.faults.cell import Cell, NotHere
from tests.faults.small_disk import filled, small_disk
from tests.faults.stopped import stopped_at
from tests.faults.trial import Trial
from web_traffic.errors import EXIT_NEEDS_ATTENTION

ROOM_BYTES = 2_000_000
DATABASES_ON_SMALL = """
    SELECT datname FROM pg_database INNER JOIN pg_tablespace AS t ON t.oid = dattablespace WHERE spcname = 'small'
"""


def postgres_restarts(signal_number: int, trial: Trial) -> None:
    """Restart PostgreSQL in the middle of a batch."""
    with stopped_at(trial.pipeline, "before begin") as run:
        pid = int((trial.stack.home / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        postmaster = psutil.Process(pid)
        postmaster.send_signal(signal_number)
        postmaster.wait(60)
        run.go_on()
        assert run.wait()[0] != 0
    trial.was_seen = True
    up(trial.stack, "postgres")


def sessions_are_ended(trial: Trial) -> None:
    """Have an administrator end all sessions of the writer."""
    with stopped_at(trial.pipeline, "before begin") as run:
        with trial.pipeline.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        run.go_on()
        run.wait()


def table_is_locked(trial: Trial) -> None:
    """Hold a lock on the result table for longer than a commit waits."""
    with trial.pipeline.owner() as connection:
        connection.execute("LOCK TABLE aggregated_web_traffic IN ACCESS EXCLUSIVE MODE")
        assert trial.pipeline.submit().returncode == 1
    trial.was_seen = True


def database_is_read_only(trial: Trial) -> None:
    """Make the database read only, as a failover to a standby would."""
    name = trial.pipeline.settings.postgres_url.rpartition("/")[2]
    with trial.pipeline.owner() as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert trial.pipeline.submit().returncode == 1
    trial.was_seen = True
    with trial.pipeline.owner() as connection:
        connection.read_only = False
        connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


def table_is_altered(trial: Trial) -> None:
    """Have somebody drop the index that keeps windows from standing there twice, and bring it back."""
    with trial.pipeline.owner() as connection:
        [(definition,)] = connection.execute(
            "SELECT pg_get_indexdef('aggregated_web_traffic_key'::regclass)"
        ).fetchall()
        connection.execute("DROP INDEX aggregated_web_traffic_key")
    trial.was_seen = trial.pipeline.submit().returncode == EXIT_NEEDS_ATTENTION
    with trial.pipeline.owner() as connection:
        connection.execute(definition)


@contextmanager
def on_a_small_disk(stack: Stack, folder: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Give the server a small disk."""
    user = system_user()
    if user is None:
        raise NotHere("mounting a small disk needs root")
    with small_disk(stack.home / "small-disk", megabytes=64) as disk:
        shutil.chown(disk, user)
        with _administrator(stack) as connection:
            connection.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(sql.Literal(str(disk))))
        try:
            yield disk, {}
        finally:
            with _administrator(stack) as connection:
                for (name,) in connection.execute(DATABASES_ON_SMALL).fetchall():
                    move = sql.SQL("ALTER DATABASE {} SET TABLESPACE pg_default").format(sql.Identifier(name))
                    connection.execute(move)
                connection.execute("DROP TABLESPACE small")


def disk_is_full(trial: Trial) -> None:
    """Fill up the disk of the database, but for a little."""
    with _administrator(trial.stack) as connection:
        name = sql.Identifier(trial.pipeline.settings.postgres_url.rpartition("/")[2])
        connection.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE small").format(name))
    with filled(trial.tool, trial.random.randrange(ROOM_BYTES)):
        trial.was_seen = trial.pipeline.submit().returncode == 1


def _administrator(stack: Stack) -> psycopg.Connection[tuple[str, ...]]:
    return psycopg.connect(
        host=LOOPBACK,
        port=stack.ports.postgres,
        dbname="postgres",
        user="postgres",
        password=stack.secrets.postgres_admin,
        autocommit=True,
    )


CELLS = (
    Cell("P1", "PostgreSQL shut down (fast) before a commit", partial(postgres_restarts, signal.SIGINT)),
    Cell("P2", "PostgreSQL crashes before a commit", partial(postgres_restarts, signal.SIGQUIT)),
    Cell("P3", "sessions ended by an administrator", sessions_are_ended),
    Cell("P4", "result table locked", table_is_locked),
    Cell("P5", "database read only", database_is_read_only),
    Cell("P6", "disk of PostgreSQL full", disk_is_full, around=on_a_small_disk),
    Cell("P7", "index of the result table dropped", table_is_altered),
)
