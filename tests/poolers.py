"""PgBouncer before the PostgreSQL of a stack, for tests."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from local_stack import Stack
from local_stack.environment import LOOPBACK, Ports
from local_stack.postgres import system_user
from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline

CONFIGURATION = """\
[databases]
* = host={host} port={server}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
logfile =
"""
TLS = """\
client_tls_sslmode = require
client_tls_cert_file = {}
client_tls_key_file = {}
"""


@contextmanager
def pooled(
    stack: Stack, pipeline: Pipeline, folder: Path, mode: str, size: int = 20, tls: tuple[Path, Path] | None = None
) -> Iterator[Pipeline]:
    """Let a pipeline reach its database through PgBouncer, with so many sessions at the most.

    With the files of a certificate and of its key, PgBouncer takes clients by TLS only.
    """
    if not (program := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")):
        pytest.fail("the tests need PgBouncer: on Debian and Ubuntu `apt-get install pgbouncer`")
    port = Ports.free().postgres
    users, configuration = folder / "users.txt", folder / "pgbouncer.ini"
    passwords = {
        "web_traffic_writer": stack.secrets.postgres_writer,
        "web_traffic_owner": stack.secrets.postgres_owner,
        "web_traffic_reader": stack.secrets.postgres_reader,
    }
    users.write_text("".join(f'"{user}" "{password}"\n' for user, password in passwords.items()))
    configuration.write_text(
        CONFIGURATION.format(host=LOOPBACK, server=stack.ports.postgres, port=port, users=users, mode=mode, size=size)
        + (TLS.format(*tls) if tls else "")
    )
    user = system_user()
    for path in (folder, *folder.parents[:2]) if user else ():
        path.chmod(path.stat().st_mode | 0o011)
    for path in (users, configuration, *(tls or ())):
        path.chmod(0o644)
    command = [program, *(["--user", user] if user else []), str(configuration)]
    url = pipeline.environment["POSTGRES_URL"].replace(f":{stack.ports.postgres}/", f":{port}/")
    reached = replace(pipeline, environment=pipeline.environment | {"POSTGRES_URL": url})
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as pooler:
        try:
            wait_until(lambda: _answers(reached), "PgBouncer to answer", within=20)
            yield reached
        finally:
            pooler.terminate()


def _answers(pipeline: Pipeline) -> bool:
    try:
        pipeline.connect().close()
    except psycopg.OperationalError:
        return False
    return True
