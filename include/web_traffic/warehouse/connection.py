"""How every part of the ETL opens PostgreSQL."""

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow

from web_traffic.settings import Settings

CONNECT_TIMEOUT_SECONDS = 10
LIMITS = "-c lock_timeout=30s -c statement_timeout=30min -c idle_in_transaction_session_timeout=30min"


def connect(settings: Settings) -> psycopg.Connection[TupleRow]:
    """Open a connection whose every wait has a limit, and whose session time zone is UTC.

    Parameters in the address, such as `sslmode` or `connect_timeout`, override the defaults here.

    Raises `psycopg.OperationalError` when the server can't be reached or refuses the login.
    """
    given = conninfo_to_dict(settings.postgres_url)
    defaults = {
        "application_name": f"web_traffic {settings.run_name}"[:63],
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    connection = psycopg.connect(
        **defaults | given | {"options": f"{LIMITS} {given.get('options', '')}"},  # type: ignore[arg-type]
        user=settings.postgres_user,
        password=settings.postgres_password,
        autocommit=True,
    )
    connection.execute("SET timezone = 'UTC'")  # PGTZ in the environment would override it as an option
    connection.autocommit = False
    return connection
