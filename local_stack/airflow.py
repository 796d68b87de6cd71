"""The embedded Airflow: four programs that share one environment, with the metadata in PostgreSQL.

The DAGs get addresses and logins only from the `AIRFLOW_CONN_*` variables that are made here.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local_stack import kafka
from local_stack.env_file import write_private
from local_stack.environment import LOOPBACK, PROPERTIES_FILE, REPO, Stack
from local_stack.errors import StackError
from local_stack.java import java_home
from local_stack.progress import step

# name: (title, its name in the health report, arguments). The API server reads the logs from the disk: serving them
# over the network would only open ports.
PROGRAMS = {
    "airflow-api-server": ("Airflow API server", "metadatabase", ("api-server",)),
    "airflow-scheduler": ("Airflow scheduler", "scheduler", ("scheduler", "--skip-serve-logs")),
    "airflow-dag-processor": ("Airflow DAG processor", "dag_processor", ("dag-processor",)),
    "airflow-triggerer": ("Airflow triggerer", "triggerer", ("triggerer", "--skip-serve-logs")),
}
MAIL_FROM = "airflow@web-traffic.example"
DATABASE_COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'airflow'"


def home(stack: Stack) -> Path:
    """AIRFLOW_HOME."""
    return stack.home / "airflow"


def command(name: str) -> list[str]:
    """The command line of one of the four programs."""
    _, _, arguments = PROGRAMS[name]
    return [_executable(), *arguments]


def environment(stack: Stack) -> dict[str, str]:
    """Everything that Airflow and the tasks that it starts need to know, secrets included."""
    return {
        **_settings(stack),
        # Airflow reaches its metadata by libpq and by asyncpg. Both know these variables, but in an address each has
        # names of its own.
        **{f"PG{name.upper()}": value for name, value in stack.postgres_tls.items()},
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections(stack).items()},
        "JAVA_HOME": str(java_home()),
        "SPARK_LOCAL_IP": LOOPBACK,
        "KAFKA_TOPIC": stack.kafka_topic,
        "KAFKA_TOPIC_PARTITIONS": str(stack.kafka_topic_partitions),
        "CHECKPOINT_LOCATION": str(stack.checkpoint),
        **alert_settings(stack),
    }


def alert_settings(stack: Stack) -> dict[str, str]:
    """Who gets the alerts, when, and where they are kept while PostgreSQL is down; the shell may add channels."""
    return {
        "ALERT_EMAIL": "on-call@web-traffic.example",
        "ALERT_FOLDER": str(stack.home / "alerts"),
        "ALERT_URLS": os.environ.get("ALERT_URLS", ""),
        "ALERT_DIGEST": os.environ.get("ALERT_DIGEST", ""),
        "RUN_DEADLINE": os.environ.get("RUN_DEADLINE", "1200"),
    }


def connections(stack: Stack) -> dict[str, dict[str, object]]:
    """The Airflow connections of the project, in Airflow's JSON form."""
    database = {"conn_type": "postgres", "host": LOOPBACK, "port": stack.ports.postgres, "schema": "web_traffic"}
    if stack.is_secure:
        database["extra"] = stack.postgres_tls
    return {
        "kafka_default": {
            "conn_type": "kafka",
            "extra": {"bootstrap.servers": stack.kafka_url, **kafka.login(stack)},
        },
        "postgres_default": {**database, "login": "web_traffic_writer", "password": stack.secrets.postgres_writer},
        "postgres_owner": {**database, "login": "web_traffic_owner", "password": stack.secrets.postgres_owner},
        "postgres_reader": {**database, "login": "web_traffic_reader", "password": stack.secrets.postgres_reader},
        "spark_default": {
            "conn_type": "spark",
            "host": "local[*]",
            "extra": {"properties-file": str(PROPERTIES_FILE)},
        },
        "smtp_default": {
            "conn_type": "smtp",
            "host": LOOPBACK,
            "port": stack.ports.mail,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": MAIL_FROM},
        },
    }


def prepare(stack: Stack) -> None:
    """Write the login of the UI, and bring the metadata database to this version of Airflow."""
    home(stack).mkdir(parents=True, exist_ok=True)
    write_private(_passwords_file(stack), json.dumps({"admin": stack.secrets.airflow_admin}))
    address = make_conninfo(_database_url(stack), connect_timeout=10, **stack.postgres_tls)
    with closing(psycopg.connect(address, autocommit=True)) as connection:
        migrated = f"migrated by apache-airflow {version('apache-airflow')}"
        if connection.execute(DATABASE_COMMENT).fetchone() == (migrated,):
            return
        with step("Airflow's metadata database is migrated", "migrating Airflow's metadata database"):
            _migrate(stack)
        # The stamp is in the database itself, so neither can exist without the other.
        connection.execute(sql.SQL("COMMENT ON DATABASE airflow IS {}").format(migrated))


def run_command(stack: Stack, arguments: Sequence[str]) -> int:
    """Run a command of Airflow's own command line with the settings of the stack; returns its exit code."""
    own = {**stack.process_environment(), **environment(stack)}
    return subprocess.run([_executable(), *arguments], check=False, env=own).returncode


def is_ready(stack: Stack, component: str, since: float) -> bool:
    """Whether the API server reports `component` as healthy, by a heartbeat that is younger than `since`."""
    try:
        with urllib.request.urlopen(f"{stack.airflow_url}/api/v2/monitor/health", timeout=5) as response:  # noqa: S310
            report = json.load(response)[component]
    except (urllib.error.URLError, OSError, ValueError):
        return False
    heartbeat = report.get(f"latest_{component}_heartbeat")
    is_current = component == "metadatabase" or (heartbeat and datetime.fromisoformat(heartbeat).timestamp() >= since)
    return bool(is_current and report["status"] == "healthy")


def _settings(stack: Stack) -> dict[str, str]:
    sections: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": REPO / "dags",
            "plugins_folder": REPO / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 8,
            "fernet_key": stack.secrets.airflow_fernet_key,
            "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "simple_auth_manager_users": "admin:admin",
            "simple_auth_manager_passwords_file": _passwords_file(stack),
            "execution_api_server_url": f"{stack.airflow_url}/execution/",
        },
        "database": {"sql_alchemy_conn": _database_url(stack).replace("postgresql:", "postgresql+psycopg2:")},
        "api": {
            "host": LOOPBACK,
            "port": stack.ports.airflow,
            "base_url": stack.airflow_url,
            "workers": 1,
        },
        "api_auth": {"jwt_secret": stack.secrets.airflow_jwt, "jwt_issuer": "web-traffic"},
        # A new or changed DAG file shows within seconds.
        "dag_processor": {"refresh_interval": 5, "min_file_process_interval": 10, "parsing_processes": 1},
        "scheduler": {"scheduler_idle_sleep_time": 0.2, "enable_health_check": False},
        "logging": {"base_log_folder": stack.log_folder / "airflow-tasks"},
    }
    named = {
        f"AIRFLOW__{section.upper()}__{name.upper()}": str(value)
        for section, options in sections.items()
        for name, value in options.items()
    }
    return {"AIRFLOW_HOME": str(home(stack)), **named}


def _database_url(stack: Stack) -> str:
    return f"postgresql://airflow:{stack.secrets.airflow_db}@{LOOPBACK}:{stack.ports.postgres}/airflow"


def _executable() -> str:
    return str(Path(sys.prefix, "bin", "airflow"))


def _passwords_file(stack: Stack) -> Path:
    return home(stack) / "passwords.json"


def _migrate(stack: Stack) -> None:
    log = stack.log_folder / "airflow-migrate.log"
    with log.open("w") as output:
        result = subprocess.run(
            [_executable(), "db", "migrate"],
            check=False,
            stdin=subprocess.DEVNULL,
            umask=0o077,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**stack.process_environment(), **environment(stack)},
        )
    if result.returncode:
        raise StackError(f"Airflow's metadata database can't be migrated: see {log}.")
