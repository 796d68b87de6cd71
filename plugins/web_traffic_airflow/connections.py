"""From Airflow connections to the environment of the ETL, and to its database; nothing else here holds an address."""

import logging
import os
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from airflow.sdk.log import mask_secret
from psycopg.pq import Conninfo

from web_traffic.errors import SettingsError
from web_traffic.kafka_config import as_environment, as_properties
from web_traffic.kafka_iam import region_of, with_iam
from web_traffic.kafka_login import OURS, SECRETS, require_known
from web_traffic.settings import ENTRA, RDS_IAM, Settings
from web_traffic.warehouse.connection import Connection as Database
from web_traffic.warehouse.connection import connect

KAFKA, POSTGRES, POSTGRES_OWNER, SPARK = "kafka_default", "postgres_default", "postgres_owner", "spark_default"
POSTGRES_READER, SMTP = "postgres_reader", "smtp_default"
OF_HOOKS = ("cursor", "enable_log_db_messages", "iam", "aws_conn_id", "azure_conn_id")
"""What an extra field may say to Airflow's own hooks; it is not about the address."""

log = logging.getLogger(__name__)


def job_environment(postgres: str = POSTGRES, run_name: str | None = None) -> dict[str, str]:
    """Return the environment variables that tell the ETL where Kafka and PostgreSQL are, passwords included."""
    database = BaseHook.get_connection(postgres)
    environment = kafka_environment() | {
        "POSTGRES_URL": _postgres_url(database),
        "POSTGRES_USER": database.login or "",
        "POSTGRES_PASSWORD": database.password or "",
        "POSTGRES_LOGIN": _postgres_login(database),
    }
    return environment | ({"RUN_NAME": run_name} if run_name else {})


def job_settings(postgres: str = POSTGRES, run_name: str | None = None) -> Settings:
    """Return the settings of the ETL as a task of Airflow sees them; raises `SettingsError`."""
    return Settings.from_environment(os.environ | job_environment(postgres, run_name))


def open_database(name: str = POSTGRES) -> Database:
    """Open the database of a connection; as a block it commits at its end, takes all back on an error, and closes.

    Raises `SettingsError`, and `psycopg.OperationalError` when the server can't be reached or refuses the login.
    """
    return connect(job_settings(name))


def alert_environment() -> dict[str, str]:
    """Return the environment variables that tell the alerts where the mail server is; none without `smtp_default`."""
    try:
        smtp = BaseHook.get_connection(SMTP)
    except AirflowNotFoundException:
        return {}
    extra = smtp.extra_dejson
    scheme = "smtp" if extra.get("disable_tls") else "smtp+starttls"
    if not extra.get("disable_ssl"):
        scheme = "smtps"
    login = f"{quote(smtp.login, safe='')}:{quote(smtp.password or '', safe='')}@" if smtp.login else ""
    url = f"{scheme}://{login}{smtp.host}:{smtp.port or (465 if scheme == 'smtps' else 587)}"
    return {"ALERT_SMTP_URL": url, "ALERT_FROM": extra.get("from_email") or ""}


def kafka_environment() -> dict[str, str]:
    """Return the environment variables that tell the ETL where Kafka is and how to log in.

    The provider's own hook reads the connection. It may serve consumers of other DAGs too, so what the ETL sets itself
    is left out, and named in a warning. `SettingsError` names what can't be used.
    """
    config = as_properties(_of_hook(), f"the connection {KAFKA}")
    if left_out := sorted(config.keys() & OURS):
        log.warning("the ETL does not use these settings of the connection %s: %s", KAFKA, ", ".join(left_out))
    used = {name: value for name, value in config.items() if name not in OURS}
    servers = used.pop("bootstrap.servers")
    used = with_iam(servers, used)
    require_known(used, f"the connection {KAFKA}")
    for name in SECRETS & used.keys():
        mask_secret(used[name])
    return {"KAFKA_URL": servers, "KAFKA_CONFIG": as_environment(used)}


def _of_hook() -> dict[str, Any]:
    """Return what Airflow's Kafka hook would give to librdkafka; a callback can't reach Spark, so it is refused.

    The hook adds a callback of its own for tokens of IAM, if the servers are Amazon's. The ETL makes these itself.
    """
    from airflow.providers.apache.kafka.hooks.base import KafkaBaseHook

    class Hook(KafkaBaseHook):
        def _get_client(self, config: dict[str, Any]) -> dict[str, Any]:
            return config

    extra = BaseHook.get_connection(KAFKA).extra_dejson
    if not extra.get("bootstrap.servers"):
        raise SettingsError(f'the connection {KAFKA} needs {{"bootstrap.servers": "host:port"}} in its extra field')
    try:
        config: dict[str, Any] = Hook(KAFKA).get_conn  # type: ignore[no-untyped-call]
    except (ValueError, AirflowException) as error:
        raise SettingsError(f"the connection {KAFKA}: {error}") from None
    if "oauth_cb" not in extra and region_of(config["bootstrap.servers"]):
        config.pop("oauth_cb", None)
    if callbacks := sorted(name for name, value in config.items() if callable(value)):
        raise SettingsError(
            f"the connection {KAFKA} has {', '.join(callbacks)}, which only Python can call: Spark's Kafka client "
            "can't use it. The ETL makes tokens of Amazon MSK IAM itself: leave oauth_cb out. For Google's Kafka, log "
            "in by PLAIN with the key of a service account"
        )
    return config


def _postgres_login(database: Connection) -> str:
    """Return how the connection logs in, as Airflow's hook reads it: `iam` asks for tokens.

    The hook makes them with the identity in another connection. The ETL's processes have no connections, so it raises
    `SettingsError` if that one holds an identity.
    """
    extra = database.extra_dejson
    if not extra.get("iam"):
        return "password"
    login, other = (ENTRA, "azure_conn_id") if extra.get("azure_conn_id") else (RDS_IAM, "aws_conn_id")
    if name := extra.get(other, "aws_default"):
        try:
            identity = BaseHook.get_connection(name)
        except AirflowNotFoundException:
            return login
        if identity.login or identity.password or identity.extra_dejson:
            raise SettingsError(
                f"the connection {database.conn_id} asks for tokens with the identity of the connection {name}, which "
                "Spark's processes can't use: give the identity to the processes of Airflow and Spark themselves (by "
                f"a role, or by variables of AWS or Azure), and name an empty connection as {other}"
            )
    return login


def _postgres_url(database: Connection) -> str:
    """Return the address with what the extra field says of it; raises `SettingsError`."""
    name = database.conn_id
    if not database.host or not database.schema:
        raise SettingsError(f"the connection {name} needs a host and, as its schema, the name of the database")
    extra = {key: value for key, value in database.extra_dejson.items() if key not in OF_HOOKS}
    if unknown := sorted(extra.keys() - _parameters()):
        raise SettingsError(
            f"the connection {name} has settings in its extra field that the ETL can't use ({', '.join(unknown)}): "
            "there may be parameters of libpq, such as sslmode, sslrootcert, connect_timeout and options"
        )
    hosts = ",".join(f"{_host(host)}:{database.port or 5432}" for host in database.host.split(","))
    query = f"?{urlencode(extra, quote_via=quote)}" if extra else ""
    return f"postgresql://{hosts}/{quote(database.schema, safe='')}{query}"


def _host(host: str) -> str:
    """Write a name, an IPv6 address or the folder of a socket as the host of an address."""
    return f"[{host}]" if ":" in host else quote(host, safe="")


@cache
def _parameters() -> frozenset[str]:
    """Return the parameters of libpq that may stand in an address: no login, and nothing that is secret."""
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    return frozenset(known - {"host", "hostaddr", "port", "dbname", "user", "password", "sslpassword"})
