"""The PostgreSQL and the Kafka of each version, for the cells of one session."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pytest
from psycopg import sql

from local_stack import Stack, postgres, running
from local_stack.authority import Authority
from local_stack.environment import LOOPBACK
from local_stack.jars import bring_jars
from tests.compatibility.cells import BROKERS
from tests.compatibility.postgres import binaries
from tests.homes import fresh_home
from tests.pipeline import Pipeline
from tests.poolers import pooled
from tests.secured import SecuredBroker, secured_broker

FIRST_WITH_BUILTIN_LOCALES = 17


@dataclass(frozen=True)
class Database:
    """A PostgreSQL that also takes clients by TLS."""

    stack: Stack
    authority: Authority

    @contextmanager
    def reached(self, way: str, pipeline: Pipeline, folder: Path) -> Iterator[Pipeline]:
        """Let a pipeline reach its database in one of the ways."""
        url = pipeline.environment["POSTGRES_URL"]
        checked = (
            f"sslmode=verify-full&sslrootcert={self.authority.file}" if way == "verify-full" else "sslmode=disable"
        )
        direct = replace(pipeline, environment=pipeline.environment | {"POSTGRES_URL": f"{url}?{checked}"})
        if way.startswith("PgBouncer"):
            with pooled(self.stack, direct, folder, mode=way.split()[1]) as through_pooler:
                yield through_pooler
        else:
            yield direct


class Servers:
    """Starts a server when the first cell needs it, and ends all of them together."""

    def __init__(self) -> None:
        self._ending = ExitStack()
        self._databases: dict[str, Database] = {}
        self._brokers: dict[str, SecuredBroker] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.close()

    def database(self, version: str) -> Database:
        if version not in self._databases:
            self._databases[version] = self._ending.enter_context(_database(version))
        return self._databases[version]

    def broker(self, version: str) -> SecuredBroker:
        if version not in self._brokers:
            jars = BROKERS[version]
            bring_jars(jars)
            folder = fresh_home(f"compatibility-kafka-{version}")
            self._brokers[version] = self._ending.enter_context(secured_broker(folder, jars))
        return self._brokers[version]


@contextmanager
def _database(version: str) -> Iterator[Database]:
    programs, home = binaries(version), fresh_home(f"compatibility-postgres-{version}")
    with ExitStack() as ending, pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "binaries", lambda: programs)
        if int(version) < FIRST_WITH_BUILTIN_LOCALES:
            patch.setattr(postgres, "LOCALE", ("--locale", "C"))
        stack = ending.enter_context(running(Stack.create(home), "postgres"))
        patch.undo()
        authority = Authority(home / "ca", "ours")
        _take_tls(stack, *authority.sign("server", LOOPBACK))
        yield Database(stack, authority)


def _take_tls(stack: Stack, certificate: Path, key: Path) -> None:
    """Let clients come by TLS; those that don't ask for it come as before."""
    key.chmod(0o600)
    if user := postgres.system_user():
        shutil.chown(key, user)
    with closing(postgres._connect(stack, "postgres")) as connection:
        for name, value in {"ssl_cert_file": str(certificate), "ssl_key_file": str(key), "ssl": "on"}.items():
            connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        connection.execute("SELECT pg_reload_conf()")
