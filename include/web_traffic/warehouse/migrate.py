"""Bring the schema up to date: the numbered .sql files in `migrations/`, each applied once, in order.

`web-traffic migrate` does this from the shell, and the DAG's task `prepare` in each run.
"""

import hashlib
import sys
from contextlib import closing
from datetime import timedelta
from importlib import resources
from typing import Any

import psycopg

from web_traffic.errors import SchemaMismatch
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import Connection
from web_traffic.warehouse.locks import Lock, take_turn

statement = statements_beside(__name__)
MIGRATION_WAIT = timedelta(seconds=30)
OLDEST_POSTGRES = 14
"""The first version that knows SQL functions with a body in SQL's own syntax, which the migrations make."""


def migrate(connection: Connection) -> list[str]:
    """Apply the migrations that the database lacks and return their names.

    One process migrates at a time, and each migration is all or nothing. Raises `SchemaMismatch` if a migration was
    changed after it was applied, if the database has one that this code does not know, or if the server is too old.
    Raises `InProgress` if another process is still migrating after half a minute.
    """
    version = connection.info.server_version // 10_000
    if version < OLDEST_POSTGRES:
        raise SchemaMismatch(f"PostgreSQL {version} is too old: use {OLDEST_POSTGRES} or newer")
    with closing(take_turn(connection, Lock.MIGRATION, MIGRATION_WAIT)):
        with connection.transaction():
            connection.execute(statement("migration_table"))
            missing = _missing(connection)
        for name, sql in missing.items():
            with connection.transaction():
                connection.execute(sql)
                connection.execute("INSERT INTO etl.migration (name, sha256) VALUES (%s, %s)", [name, _digest(sql)])
    return list(missing)


def require_schema(connection: psycopg.Connection[Any]) -> None:
    """Raise `SchemaMismatch` unless the database has exactly the migrations of this code."""
    with connection.transaction():
        known = connection.execute("SELECT to_regclass('etl.migration') IS NOT NULL").fetchone()
        missing = list(_missing(connection)) if known == (True,) else list(_migrations())
    if missing:
        raise SchemaMismatch(f"the database lacks {', '.join(missing)}: run `web-traffic migrate` as its owner")


def require_result_table(connection: psycopg.Connection[Any]) -> None:
    """Raise `SchemaMismatch` if somebody has altered the result table in a way that runs can't work with."""
    with connection.transaction():
        differences = connection.execute(statement("altered_table"), {}).fetchall()
    if differences:
        details = "; ".join(
            f"{name} is {found or 'missing'}, was {expected or 'not there'}" for name, found, expected in differences
        )
        raise SchemaMismatch(f"the table aggregated_web_traffic was altered ({details}): undo these changes")


def _missing(connection: psycopg.Connection[Any]) -> dict[str, bytes]:
    applied: dict[str, str] = dict(connection.execute("SELECT name, sha256 FROM etl.migration").fetchall())
    migrations = _migrations()
    if unknown := sorted(applied.keys() - migrations.keys()):
        raise SchemaMismatch(f"the database has {', '.join(unknown)}, which this code does not know: update the code")
    for name, sql in migrations.items():
        if applied.get(name, _digest(sql)) != _digest(sql):
            raise SchemaMismatch(f"{name}.sql was changed after it was applied: restore it and add a new migration")
    return {name: sql for name, sql in migrations.items() if name not in applied}


def _migrations() -> dict[str, bytes]:
    folder = resources.files("web_traffic.warehouse") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return {file.name.removesuffix(".sql"): file.read_bytes() for file in files}


def _digest(sql: bytes) -> str:
    return hashlib.sha256(sql).hexdigest()


if __name__ == "__main__":  # the command of earlier versions; without this it would do nothing and exit with 0
    sys.exit("migrate: the command is now `web-traffic migrate`")
