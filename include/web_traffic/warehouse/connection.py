"""How every part of the ETL opens PostgreSQL, with or without a pooler before it."""

from contextlib import ExitStack, closing
from types import TracebackType
from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Format
from psycopg.rows import TupleRow

from web_traffic.settings import Settings
from web_traffic.warehouse.tokens import password_for

CONNECT_TIMEOUT_SECONDS = 10
IN_EACH_TRANSACTION = {
    "lock_timeout": "30s",
    "statement_timeout": "30min",
    "idle_in_transaction_session_timeout": "30min",
    "timezone": "UTC",
    "datestyle": "ISO",
    "search_path": "public",
}
"""Settings that hold whatever role, database or server say. They belong to a transaction, because PgBouncer's
transaction mode gives each transaction another session, and refuses settings at the start of one."""


class Connection(psycopg.Connection[TupleRow]):
    """A connection whose transactions begin with `IN_EACH_TRANSACTION`, with the locks that it holds."""

    settings: Settings

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._turns = ExitStack()

    def hold(self, turn: "Connection") -> None:
        """Keep the connection of a lock open for as long as this one."""
        self._turns.enter_context(closing(turn))

    def close(self) -> None:
        """Close the connection, and let its locks go."""
        self._turns.close()
        super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._turns.close()

    def _exec_command(self, command: Any, result_format: Format = Format.TEXT) -> PQGen[Any]:
        """Apply the settings after each BEGIN. psycopg has no public hook for it; `test_pooler` guards this one."""
        result = yield from super()._exec_command(command, result_format)
        if isinstance(command, bytes) and command.startswith(b"BEGIN"):
            yield from super()._exec_command(self._settings_of_a_transaction(), result_format)
        return result

    def _settings_of_a_transaction(self) -> bytes:
        longest = {"transaction_timeout": "0"} if self.info.server_version >= 17_00_00 else {}
        calls = [f"set_config('{name}', '{value}', true)" for name, value in (IN_EACH_TRANSACTION | longest).items()]
        return f"SELECT {', '.join(calls)}".encode()


def connect(settings: Settings) -> Connection:
    """Open a connection whose every wait has a limit, and whose time zone is UTC.

    Parameters of the address, such as `sslmode` or `connect_timeout`, count before the ones set here.

    Raises `psycopg.OperationalError` when the server can't be reached or refuses the login, and `SettingsError`.
    """
    given = conninfo_to_dict(settings.postgres_url)
    defaults: dict[str, str | int] = {
        "application_name": f"web_traffic {settings.run_name}"[:63],
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    if "," in str(given.get("host", "")):
        defaults["target_session_attrs"] = "read-write"  # the primary, also after a failover
    if settings.postgres_login != "password":
        defaults["sslmode"] = "require"  # whoever reads a token can log in with it
    connection = Connection.connect(
        **defaults | given,  # type: ignore[arg-type]
        user=settings.postgres_user,
        password=password_for(settings, str(given.get("host", "")), str(given.get("port") or 5432)),
        autocommit=True,
        prepare_threshold=None,  # the session of the next transaction would not have the prepared statement
    )
    connection.settings = settings
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    if connection.info.server_version >= 14_00_00:
        connection.execute("SET idle_session_timeout = 0")  # a run waits for Spark between its transactions
    connection.autocommit = False
    return connection
