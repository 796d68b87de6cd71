"""From Airflow connections to the environment of the ETL; nothing else in the project holds an address."""

import os

from airflow.sdk import BaseHook, Connection

from web_traffic.settings import Settings, SettingsError

KAFKA, POSTGRES, POSTGRES_OWNER, SPARK = "kafka_default", "postgres_default", "postgres_owner", "spark_default"
POSTGRES_READER = "postgres_reader"


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


def job_settings(postgres: str = POSTGRES) -> Settings:
    """Return the settings of the ETL as a task of Airflow sees them; raises `SettingsError`."""
    return Settings.from_environment(os.environ | job_environment(postgres))


def _bootstrap_servers(kafka: Connection) -> str:
    servers: str | None = kafka.extra_dejson.get("bootstrap.servers")
    if not servers:
        raise SettingsError(f'the connection {KAFKA} needs {{"bootstrap.servers": "host:port"}} in its extra field')
    return servers
