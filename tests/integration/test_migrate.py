"""The schema: made once, in order, by whoever comes first; refused when code and database differ."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.errors import DivisionByZero, InsufficientPrivilege, UniqueViolation

import web_traffic.warehouse.migrate as migration
from local_stack import Stack
from local_stack.postgres import make_warehouse
from tests.faults.stopped import wait_until
from web_traffic.errors import EXIT_NEEDS_ATTENTION, SchemaMismatch
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.locks import Lock
from web_traffic.warehouse.migrate import migrate, require_schema

ALL = sorted(migration._migrations())
FIRST = {"0001_first": b"CREATE TABLE etl.first (number integer)"}
SECOND = {"0002_second": b"CREATE TABLE etl.second (number integer)"}
Environment = dict[str, str]


@pytest.fixture
def empty(stack: Stack, numbers: Iterator[int]) -> Environment:
    """Return the environment of the owner of a database without tables."""
    name = f"empty_{next(numbers)}"
    make_warehouse(stack, name)
    return {
        "POSTGRES_URL": stack.postgres_url.removesuffix("web_traffic") + name,
        "POSTGRES_USER": "web_traffic_owner",
        "POSTGRES_PASSWORD": stack.secrets.postgres_owner,
    }


@pytest.fixture
def owner(empty: Environment) -> Iterator[psycopg.Connection[Any]]:
    with connect(Settings.from_environment(empty)) as connection:
        yield connection


def use(monkeypatch: pytest.MonkeyPatch, migrations: dict[str, bytes]) -> None:
    """Let the code have these migrations instead of its own."""
    monkeypatch.setattr(migration, "_migrations", lambda: migrations)


def contents(connection: psycopg.Connection[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the tables of the schema etl, and what the database says it has applied."""
    tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'etl' ORDER BY 1")
    applied = connection.execute("SELECT name, sha256, applied_at FROM etl.migration ORDER BY applied_at")
    return [name for (name,) in tables], applied.fetchall()


def run_command(environment: Environment) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "web_traffic", "migrate"]
    result = subprocess.run(
        command, env=os.environ | environment, check=False, capture_output=True, text=True, timeout=60
    )
    return result.returncode, result.stdout, result.stderr


def test_an_empty_database_gets_all_migrations_in_order_and_the_second_time_none(
    owner: psycopg.Connection[Any],
) -> None:
    assert migrate(owner) == ALL
    made = contents(owner)
    assert [name for name, *_ in made[1]] == ALL
    assert migrate(owner) == []
    assert contents(owner) == made


def test_a_server_that_is_too_old_is_refused_before_anything_is_made(
    owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "OLDEST_POSTGRES", 99)
    with pytest.raises(SchemaMismatch, match=r"^PostgreSQL \d\d is too old: use 99 or newer$"):
        migrate(owner)
    assert owner.execute("SELECT to_regnamespace('etl')").fetchone() == (None,)


def test_two_at_the_same_time_end_well_and_one_of_them_does_it(
    empty: Environment, owner: psycopg.Connection[Any]
) -> None:
    def migrate_apart() -> list[str]:
        with connect(Settings.from_environment(empty)) as connection:
            return migrate(connection)

    def both_wait() -> bool:
        waiters = owner.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return waiters.fetchone() == (2,)

    with ThreadPoolExecutor(2) as pool:
        owner.execute("SELECT pg_advisory_lock(%s)", [Lock.MIGRATION])
        both = [pool.submit(migrate_apart) for _ in range(2)]
        try:
            wait_until(both_wait, "two that wait for the lock", within=20)
        finally:
            owner.execute("SELECT pg_advisory_unlock(%s)", [Lock.MIGRATION])
        assert sorted(each.result(60) for each in both) == [[], ALL]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (b"SELECT 1 / 0", DivisionByZero),
        (b"INSERT INTO etl.migration (name, sha256) VALUES ('0002_second', '')", UniqueViolation),
    ],
    ids=["in its statements", "when it is entered as applied"],
)
def test_a_migration_that_fails_leaves_nothing_of_itself_and_is_applied_once_it_is_right(
    empty: Environment,
    owner: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    fault: bytes,
    error: type[psycopg.Error],
) -> None:
    use(monkeypatch, FIRST | {"0002_second": SECOND["0002_second"] + b"; " + fault})
    with pytest.raises(error):
        migrate(owner)
    tables, applied = contents(owner)
    assert (tables, [name for name, *_ in applied]) == (["first", "migration"], ["0001_first"])

    use(monkeypatch, FIRST | SECOND)
    with connect(Settings.from_environment(empty)) as another:  # the one that failed has let go of the lock
        assert migrate(another) == ["0002_second"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            {"0001_first": b"CREATE TABLE etl.other (number integer)"} | SECOND,
            "0001_first.sql was changed after it was applied: restore it and add a new migration",
        ),
        (SECOND, "the database has 0001_first, which this code does not know: update the code"),
    ],
)
def test_a_database_of_other_code_is_refused_and_stays_as_it_is(
    owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, code: dict[str, bytes], message: str
) -> None:
    use(monkeypatch, FIRST)
    migrate(owner)
    before = contents(owner)
    use(monkeypatch, code)
    for refuse in (migrate, require_schema):
        with pytest.raises(SchemaMismatch) as refusal:
            refuse(owner)
        assert str(refusal.value) == message
    assert contents(owner) == before


def test_a_run_needs_every_migration_and_names_those_that_are_missing(
    owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, FIRST | SECOND)
    command = "run `web-traffic migrate` as its owner"
    with pytest.raises(SchemaMismatch, match=f"^the database lacks 0001_first, 0002_second: {command}$"):
        require_schema(owner)
    use(monkeypatch, FIRST)
    migrate(owner)
    require_schema(owner)
    use(monkeypatch, FIRST | SECOND)
    with pytest.raises(SchemaMismatch, match=f"^the database lacks 0002_second: {command}$"):
        require_schema(owner)


def test_the_command_says_what_it_applied_and_then_that_there_is_nothing_to_do(empty: Environment) -> None:
    assert run_command(empty) == (0, f"applied {', '.join(ALL)}\n", "")
    assert run_command(empty) == (0, "the schema is up to date\n", "")


def test_a_login_that_does_not_own_the_database_is_told_to_log_in_as_the_owner(
    empty: Environment, stack: Stack
) -> None:
    writer = {"POSTGRES_USER": "web_traffic_writer", "POSTGRES_PASSWORD": stack.secrets.postgres_writer}
    returncode, output, error = run_command(empty | writer)
    assert (returncode, output) == (EXIT_NEEDS_ATTENTION, "")
    assert error.startswith("migrate: permission denied for database")
    assert error.endswith("; log in as the role that owns the database\n")


@pytest.mark.parametrize(
    ("environment", "code", "message"),
    [
        ({"POSTGRES_URL": "postgresql://127.0.0.1:1/nowhere"}, 1, "Connection refused"),
        ({"POSTGRES_PASSWORD": "not-this"}, 78, 'password authentication failed for user "web_traffic_owner"'),
        ({"POSTGRES_URL": "mysql://127.0.0.1/x"}, 78, "migrate: POSTGRES_URL must look like jdbc:postgresql://host"),
    ],
)
def test_the_command_fails_with_the_reason_and_without_a_traceback(
    empty: Environment, environment: Environment, code: int, message: str
) -> None:
    returncode, output, error = run_command(empty | environment)
    assert (returncode, output) == (code, "")
    assert error.startswith("migrate: ")
    assert message in error
    assert "Traceback" not in error
    assert "not-this" not in error


def test_only_the_owner_can_migrate(empty: Environment, stack: Stack) -> None:
    writer = {"POSTGRES_USER": "web_traffic_writer", "POSTGRES_PASSWORD": stack.secrets.postgres_writer}
    with (
        connect(Settings.from_environment(empty | writer)) as connection,
        pytest.raises(InsufficientPrivilege, match="permission denied for database"),
    ):
        migrate(connection)
