"""One stack: its folder, its ports and its secrets, as an `.env` file gives them."""

import os
import random
import shlex
import socket
import sys
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

from local_stack.env_file import EnvFile, write_env_file

REPO = Path(__file__).resolve().parent.parent
VAR = REPO / "var"
TRAINING = VAR / "training"
"""The home of the stack on which Kafka and Spark run once for their archives of classes."""
ENV_FILE = REPO / ".env"
PROPERTIES_FILE = VAR / "spark" / "spark.conf"
LOOPBACK = "127.0.0.1"
MARKER = "WEB_TRAFFIC_STACK"
"""Every process of a stack has this variable, so that those of a killed supervisor can be found."""
INHERITED = ("HOME", "LOGNAME", "TMPDIR", "USER")
FREE_PORTS = range(20_000, 30_000)  # clear of the defaults, and below the ports that outgoing connections take
MOST_PARTITIONS = 10_000


def _port(variable: str) -> Any:
    return field(metadata={"variable": variable})


def _secret(variable: str) -> Any:
    return field(metadata={"variable": variable}, repr=False)


def _variables(kind: type[Any]) -> dict[str, str]:
    """The fields of `Ports` or `Secrets` with their names in `.env`."""
    return {one.name: one.metadata["variable"] for one in fields(kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of a stack, all on 127.0.0.1."""

    kafka: int = _port("KAFKA_PORT")
    kafka_controller: int = _port("KAFKA_CONTROLLER_PORT")
    postgres: int = _port("POSTGRES_PORT")
    airflow: int = _port("AIRFLOW_PORT")
    mail: int = _port("MAIL_PORT")

    @classmethod
    def free(cls) -> Self:
        """Five ports that nothing listens on at the moment."""
        candidates = random.sample(FREE_PORTS, len(FREE_PORTS))
        is_free = (port for port in candidates if is_port_free(port))
        return cls(**{port.name: next(is_free) for port in fields(cls)})

    def variables(self) -> dict[str, str]:
        """The ports by their names in `.env`."""
        return {name: str(getattr(self, key)) for key, name in _variables(type(self)).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The generated passwords and keys of a stack; none of them shows in the repr."""

    kafka: str = _secret("KAFKA_PASSWORD")
    kafka_admin: str = _secret("KAFKA_ADMIN_PASSWORD")
    postgres_admin: str = _secret("POSTGRES_ADMIN_PASSWORD")
    postgres_owner: str = _secret("POSTGRES_OWNER_PASSWORD")
    postgres_writer: str = _secret("POSTGRES_PASSWORD")
    postgres_reader: str = _secret("POSTGRES_READER_PASSWORD")
    airflow_db: str = _secret("AIRFLOW_DB_PASSWORD")
    airflow_admin: str = _secret("AIRFLOW_ADMIN_PASSWORD")
    airflow_fernet_key: str = _secret("AIRFLOW_FERNET_KEY")
    airflow_jwt: str = _secret("AIRFLOW_JWT_SECRET")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One embedded stack: everything that it writes is below `home`, everything that it serves is on loopback."""

    home: Path
    env_file: Path
    ports: Ports
    secrets: Secrets
    kafka_topic: str
    kafka_topic_partitions: int
    is_secure: bool
    """Whether Kafka asks for TLS and a login, and PostgreSQL for TLS; the data is the same in both cases."""

    @classmethod
    def load(cls, env_file: Path = ENV_FILE, home: Path = VAR) -> Self:
        """The stack that `env_file` describes; raises `StackError` if the file is missing or wrong."""
        values = EnvFile(env_file)
        return cls(
            home=home.absolute(),
            env_file=env_file,
            ports=Ports(**values.ports(_variables(Ports))),
            secrets=Secrets(**{key: values.text(name) for key, name in _variables(Secrets).items()}),
            kafka_topic=values.text("KAFKA_TOPIC"),
            kafka_topic_partitions=values.count("KAFKA_TOPIC_PARTITIONS", MOST_PARTITIONS),
            is_secure=values.flag("SECURE"),
        )

    @classmethod
    def create(cls, home: Path, ports: Ports | None = None) -> Self:
        """A plain stack below `home`, with secrets of its own, and on free ports unless `ports` are given.

        A stack that is already below `home` is used again as it is, on the same ports.
        """
        env_file = home.absolute() / ".env"
        if ports or not env_file.is_file():
            write_env_file(env_file, (ports or Ports.free()).variables())
        return cls.load(env_file, home)

    def switch(self, *, is_secure: bool) -> Self:
        """Write to `.env` whether the stack is secured from its next start on; returns the stack as it is then."""
        stack = replace(self, is_secure=is_secure)
        port = f":{self.ports.postgres}/"
        addresses = {
            "SECURE": str(int(is_secure)),
            "KAFKA_CONFIG": shlex.quote(stack.kafka_environment().get("KAFKA_CONFIG", "")),
            "POSTGRES_URL": f'"{stack.postgres_url.replace(port, ":${POSTGRES_PORT}/")}"',
        }
        write_env_file(self.env_file, addresses)
        return stack

    @property
    def log_folder(self) -> Path:
        """The logs of all programs, one file each."""
        return self.home / "log"

    @property
    def run_folder(self) -> Path:
        """The supervisor's configuration, socket and pid file."""
        return self.home / "run"

    @property
    def mail_folder(self) -> Path:
        """The mails that the stack sent, one file each."""
        return self.home / "mail"

    @property
    def tls_folder(self) -> Path:
        """What a secured stack has more: certificates, keys, and the ETL's login to Kafka."""
        return self.home / "tls"

    @property
    def authority_file(self) -> Path:
        """The certificate that the clients of a secured stack trust."""
        return self.tls_folder / "ca.pem"

    @property
    def kafka_login_file(self) -> Path:
        """The properties of librdkafka with which the ETL enters a secured Kafka."""
        return self.tls_folder / "kafka-client.properties"

    @property
    def checkpoint(self) -> Path:
        """The checkpoint of the streaming query."""
        return self.home / "checkpoint" / "web_traffic"

    @property
    def kafka_url(self) -> str:
        """Bootstrap servers of the broker."""
        return f"{LOOPBACK}:{self.ports.kafka}"

    @property
    def postgres_url(self) -> str:
        """JDBC form of the address of the database `web_traffic`, without a login."""
        query = f"?{urlencode(self.postgres_tls, quote_via=quote, safe='/')}" if self.is_secure else ""
        return f"jdbc:postgresql://{LOOPBACK}:{self.ports.postgres}/web_traffic{query}"

    @property
    def postgres_tls(self) -> dict[str, str]:
        """The parameters of libpq by which a client checks the server's name; none if the stack is plain."""
        return {"sslmode": "verify-full", "sslrootcert": str(self.authority_file)} if self.is_secure else {}

    @property
    def airflow_url(self) -> str:
        """Address of Airflow's UI and REST API."""
        return f"http://{LOOPBACK}:{self.ports.airflow}"

    def process_environment(self) -> dict[str, str]:
        """The environment of every process of the stack. It takes little from the shell, so all stacks are alike."""
        path = os.pathsep.join((str(Path(sys.prefix, "bin")), os.environ.get("PATH", os.defpath)))
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "PATH": path,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            # Without it a program that sets its own title overwrites its environment, and MARKER with it.
            "SPT_NOENV": "1",
            MARKER: str(self.home),
        }

    def kafka_environment(self) -> dict[str, str]:
        """The variables with which a program of the project finds the topic of this stack."""
        login = {"KAFKA_CONFIG": str(self.kafka_login_file)} if self.is_secure else {}
        return {"KAFKA_URL": self.kafka_url, **login, "KAFKA_TOPIC": self.kafka_topic}

    def job_environment(self) -> dict[str, str]:
        """The variables with which the Spark application and the traffic generator find this stack."""
        return {
            **self.kafka_environment(),
            "KAFKA_TOPIC_PARTITIONS": str(self.kafka_topic_partitions),
            "POSTGRES_URL": self.postgres_url,
            "POSTGRES_USER": "web_traffic_writer",
            "POSTGRES_PASSWORD": self.secrets.postgres_writer,
            "CHECKPOINT_LOCATION": str(self.checkpoint),
        }


def is_port_free(port: int) -> bool:
    """Whether a program could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
