"""Copies of a pipeline's database and checkpoint, taken at one time and put back at another."""

import shutil
from pathlib import Path

import psycopg
from psycopg import sql

from local_stack import Stack
from local_stack.environment import LOOPBACK
from tests.pipeline import Pipeline


class DatabaseCopy:
    """The database as it is now, under another name."""

    def __init__(self, stack: Stack, pipeline: Pipeline) -> None:
        self._stack = stack
        self._name = pipeline.settings.postgres_url.rpartition("/")[2]
        self._copy = f"{self._name}_copy"
        self._as_admin("CREATE DATABASE {copy} TEMPLATE {name}")

    def restore(self) -> None:
        """Put the copy in the place of the database, and drop what was there."""
        self._as_admin("DROP DATABASE {name} WITH (FORCE)")
        self._as_admin("ALTER DATABASE {copy} RENAME TO {name}")

    def drop(self) -> None:
        """Drop the copy."""
        self._as_admin("DROP DATABASE {copy}")

    def _as_admin(self, statement: str) -> None:
        names = {"copy": sql.Identifier(self._copy), "name": sql.Identifier(self._name)}
        with psycopg.connect(
            host=LOOPBACK,
            port=self._stack.ports.postgres,
            dbname="postgres",
            user="postgres",
            password=self._stack.secrets.postgres_admin,
            autocommit=True,
        ) as connection:
            end_others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(end_others, [self._name])
            connection.execute(sql.SQL(statement).format(**names))


class CheckpointCopy:
    """The checkpoint as it is now, in another folder."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._folder = pipeline.checkpoint
        self._copy = Path(f"{self._folder}.copy")
        shutil.copytree(self._folder, self._copy)

    def restore(self) -> None:
        """Put the copy in the place of the checkpoint."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._copy.rename(self._folder)

    def drop(self) -> None:
        """Remove the copy."""
        shutil.rmtree(self._copy)
