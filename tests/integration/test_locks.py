"""One lock for each kind of work, and errors that name who holds it now."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from local_stack import Stack
from tests.pipeline import Pipeline
from tests.restating import interval
from web_traffic.errors import InProgress, RunInProgress
from web_traffic.redrive.ledger import RedriveLedger
from web_traffic.restatement.ledger import RestatementLedger
from web_traffic.settings import RestateSettings
from web_traffic.warehouse import migrate as migration
from web_traffic.warehouse.connection import IN_EACH_TRANSACTION, connect
from web_traffic.warehouse.ledger import RunLedger
from web_traffic.warehouse.locks import Lock, take_turn
from web_traffic.warehouse.migrate import migrate

Connection = psycopg.Connection[Any]
MOMENT = timedelta(milliseconds=100)


def live(connection: Connection) -> object:
    return RunLedger.begin(connection, "a live run", MOMENT)


def restatement(connection: Connection) -> object:
    return RestatementLedger.begin(
        connection, "a restatement", RestateSettings.from_environment(interval("00:00", "00:15")), MOMENT
    )


def redrive(connection: Connection) -> object:
    return RedriveLedger.alone(connection)


def session(pipeline: Pipeline, run_name: str) -> "closing[Connection]":
    return closing(connect(replace(pipeline.settings, run_name=run_name)))


@pytest.fixture
def first(pipeline: Pipeline) -> Iterator[Connection]:
    with session(pipeline, "the first") as connection:
        yield connection


@pytest.fixture
def second(pipeline: Pipeline) -> Iterator[Connection]:
    with session(pipeline, "the second") as connection:
        yield connection


def test_kinds_of_work_do_not_wait_for_one_another(pipeline: Pipeline, first: Connection, second: Connection) -> None:
    restatement(first)
    redrive(second)
    with session(pipeline, "the third") as third:
        live(third)
        with pipeline.owner() as owner:
            migrate(owner)


@pytest.mark.parametrize(
    ("work", "refusal", "said"),
    [
        (live, RunInProgress, "another live run"),
        (restatement, RunInProgress, "another restatement"),
        (redrive, InProgress, "another redrive"),
    ],
)
def test_an_error_names_who_holds_the_lock_now(
    first: Connection, second: Connection, work: Callable[[Connection], object], refusal: type[Exception], said: str
) -> None:
    work(first)
    with pytest.raises(
        refusal,
        match=rf"^{said} is in progress after a wait of 0:00:0.*: web_traffic the first, connected since 20.* UTC; "
        r"wait for its end, or end it with SELECT pg_terminate_backend\(\d+\) if it hangs$",
    ):
        work(second)


def test_a_run_that_has_ended_is_not_blamed_for_who_holds_the_lock_since(
    pipeline: Pipeline, first: Connection, second: Connection
) -> None:
    with session(pipeline, "ended long ago") as ended:
        live(ended)
        restatement(ended)
    for lock in Lock:
        first.execute("SELECT pg_advisory_lock(%s)", [lock])
    first.commit()
    for work in (live, restatement, redrive):
        with pytest.raises((InProgress, RunInProgress), match="web_traffic the first"):
            work(second)


def test_a_lock_that_is_let_go_while_its_holder_is_looked_for_is_said_to_be_free(
    first: Connection, second: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(first)
    nobody = b"SELECT NULL::text, NULL::integer, NULL::timestamptz WHERE cast(%(lock)s AS bigint) IS NULL"
    monkeypatch.setattr("web_traffic.warehouse.locks.statement", lambda _: nobody)
    with pytest.raises(RunInProgress, match=r"its holder has just ended; start again$"):
        live(second)


def test_a_wait_may_be_longer_than_a_statement_may_take(
    first: Connection, second: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(first)
    monkeypatch.setitem(IN_EACH_TRANSACTION, "statement_timeout", "1s")
    with pytest.raises(RunInProgress):
        RunLedger.begin(second, "the second", timedelta(seconds=1.5))


def test_the_same_lock_of_another_database_is_no_hindrance(
    stack: Stack, pipeline: Pipeline, first: Connection
) -> None:
    admin = {"user": "postgres", "password": stack.secrets.postgres_admin, "dbname": "postgres"}
    with closing(psycopg.connect(pipeline.settings.postgres_url, **admin)) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock(%s)", [Lock.LIVE_RUN])
        live(first)


def test_a_migration_that_waits_in_vain_names_the_one_before(
    pipeline: Pipeline, first: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "MIGRATION_WAIT", MOMENT)
    held = closing(take_turn(first, Lock.MIGRATION, MOMENT))
    with (
        held,
        pipeline.owner() as owner,
        pytest.raises(InProgress, match=r"^another migration .*web_traffic the first, "),
    ):
        migrate(owner)


def test_a_holder_of_another_role_is_named_too(stack: Stack, pipeline: Pipeline, second: Connection) -> None:
    admin = {"user": "postgres", "password": stack.secrets.postgres_admin, "application_name": "psql"}
    with closing(psycopg.connect(pipeline.settings.postgres_url, **admin)) as stranger:
        stranger.execute("SELECT pg_advisory_lock(%s)", [Lock.LIVE_RUN])
        with pytest.raises(RunInProgress, match=": psql, connected since a time that PostgreSQL hides; "):
            live(second)
