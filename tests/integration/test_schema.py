"""What the migrations leave: every table explained, and each role with no more than it needs."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from local_stack import Stack
from local_stack.postgres import make_warehouse
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate

Connection = psycopg.Connection[Any]

UNEXPLAINED = """
SELECT n.nspname FROM pg_namespace AS n WHERE n.nspname = 'etl' AND obj_description(n.oid, 'pg_namespace') IS NULL
UNION ALL
SELECT c.oid::regclass::text FROM pg_class AS c
WHERE c.relnamespace IN ('public'::regnamespace, 'etl'::regnamespace)
    AND c.relkind IN ('r', 'p', 'v', 'm') AND obj_description(c.oid, 'pg_class') IS NULL
UNION ALL
SELECT c.oid::regclass || '.' || a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace IN ('public'::regnamespace, 'etl'::regnamespace)
    AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped
    AND col_description(c.oid, a.attnum) IS NULL
"""
TABLES = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'etl')"
PRIVILEGES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")


@pytest.fixture(scope="module")
def logins(stack: Stack) -> dict[str, Settings]:
    """Return the settings of each role of one migrated database."""
    make_warehouse(stack, "schema_test")
    url = stack.postgres_url.removesuffix("web_traffic") + "schema_test"
    secrets = stack.secrets
    passwords = {"owner": secrets.postgres_owner, "writer": secrets.postgres_writer, "reader": secrets.postgres_reader}
    logins = {
        role: Settings.from_environment(
            {"POSTGRES_URL": url, "POSTGRES_USER": f"web_traffic_{role}", "POSTGRES_PASSWORD": password}
        )
        for role, password in passwords.items()
    }
    with connect(logins["owner"]) as connection:
        migrate(connection)
    return logins


@pytest.fixture
def owner(logins: dict[str, Settings]) -> Iterator[Connection]:
    with connect(logins["owner"]) as connection:
        yield connection


@pytest.fixture
def writer(logins: dict[str, Settings]) -> Iterator[Connection]:
    with connect(logins["writer"]) as connection:
        yield connection


@pytest.fixture
def reader(logins: dict[str, Settings]) -> Iterator[Connection]:
    with connect(logins["reader"]) as connection:
        yield connection


def tables(connection: Connection) -> list[str]:
    return [name for (name,) in connection.execute(TABLES)]


def test_every_schema_table_and_column_is_explained(owner: Connection) -> None:
    assert {"public.aggregated_web_traffic", "etl.run", "etl.batch", "etl.migration"} <= set(tables(owner))
    assert owner.execute(UNEXPLAINED).fetchall() == []


@pytest.mark.parametrize(
    "forbidden",
    [
        "UPDATE public.aggregated_web_traffic SET host = ''",
        "UPDATE public.aggregated_web_traffic SET window_start = now()",
        "TRUNCATE public.aggregated_web_traffic",
        "ALTER TABLE public.aggregated_web_traffic ADD COLUMN more text",
        "DROP TABLE public.aggregated_web_traffic",
        "DROP INDEX public.aggregated_web_traffic_key",
        "CREATE TABLE public.more (number integer)",
        "CREATE TABLE etl.more (number integer)",
        "CREATE SCHEMA more",
        "INSERT INTO etl.migration (name, sha256) VALUES ('9999_more', '')",
        "UPDATE etl.migration SET sha256 = ''",
        "DELETE FROM etl.migration",
        "DELETE FROM etl.batch",
        "DELETE FROM etl.run",
        "INSERT INTO etl.pipeline (name) VALUES ('more')",
        "UPDATE etl.rejected_event SET reason = ''",
        "DELETE FROM etl.rejected_event",
        "UPDATE etl.restatement SET reason = 'late events'",
        "DELETE FROM etl.restatement",
    ],
)
def test_the_writer_can_neither_rewrite_what_is_there_nor_change_the_schema(
    writer: Connection, forbidden: str
) -> None:
    with pytest.raises(InsufficientPrivilege):
        writer.execute(forbidden)


def test_the_reader_reads_every_table(reader: Connection) -> None:
    for table in tables(reader):
        reader.execute(f"SELECT * FROM {table} LIMIT 1")


def test_the_reader_writes_nothing_and_makes_nothing(reader: Connection) -> None:
    held = [
        (table, privilege)
        for table in tables(reader)
        for privilege in PRIVILEGES
        if reader.execute("SELECT has_table_privilege(%s, %s)", [table, privilege]).fetchone() != (False,)
    ]
    assert held == []
    for statement in ("CREATE TABLE public.more ()", "CREATE TABLE etl.more ()", "CREATE TEMPORARY TABLE more ()"):
        with pytest.raises(InsufficientPrivilege), reader.transaction():
            reader.execute(statement)


def test_a_role_without_a_grant_does_not_get_in(stack: Stack, logins: dict[str, Settings]) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(logins["owner"].postgres_url, user="airflow", password=stack.secrets.airflow_db)
