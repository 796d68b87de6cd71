"""From Airflow connections to the environment of the ETL; nothing else in the project holds an address."""

import os
from urllib.parse import quote

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from web_traffic.settings import Settings, SettingsError

KAFKA, POSTGRES, POSTGRES_OWNER, SPARK = "kafka_default", "postgres_default", "postgres_owner", "spark_default"
POSTGRES_READER, SMTP = "postgres_reader", "smtp_default"


def job_environment(postgres: str = POSTGRES, run_name: str | None = None) -> dict[str, str]:
    """Return the environment variables that tell the ETL where Kafka and PostgreSQL are, passwords included."""
    kafka, database = BaseHook.get_connection(KAFKA), BaseHook.get_connection(postgres)
    environment = {
        "KAFKA_URL": _bootstrap_servers(kafka),
        "POSTGRES_URL": f"postgresql://{database.host}:{database.port or 5432}/{database.schema}",
        "POSTGRES_USER": database.login or "",
        "POSTGRES_PASSWORD": database.password or "",
    }
    return environment | ({"RUN_NAME": run_name} if run_name else {})


def job_settings(postgres: str = POSTGRES, run_name: str | None = None) -> Settings:
    """Return the settings of the ETL as a task of Airflow sees them; raises `SettingsError`."""
    return Settings.from_environment(os.environ | job_environment(postgres, run_name))


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


def _bootstrap_servers(kafka: Connection) -> str:
    servers: str | None = kafka.extra_dejson.get("bootstrap.servers")
    if not servers:
        raise SettingsError(f'the connection {KAFKA} needs {{"bootstrap.servers": "host:port"}} in its extra field')
    return servers
