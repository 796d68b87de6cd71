"""The settings of the ETL, read once from the environment.

No other module below `include/` reads the process environment, apart from the switch for tests in `faults`. In
Airflow the operators fill the environment from connections; run alone, `spark-submit` inherits it from the shell.
"""

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from web_traffic.errors import SettingsError
from web_traffic.intervals import Interval, Words, asked_interval
from web_traffic.kafka_config import kafka_of

MEMORY, ROCKSDB = "memory", "rocksdb"
"""Where Spark holds open windows."""
RDS_IAM, ENTRA = "rds-iam", "entra"
"""Logins by tokens: of Amazon RDS and Aurora, and of Azure Database for PostgreSQL."""


def given_environment(arguments: Sequence[str] | None = None) -> Mapping[str, str]:
    """Return the variables of the process, with those of the JSON file that its first argument may name.

    A driver that starts on another machine than its spark-submit finds such a file beside it. Raises `SettingsError`.
    """
    environ = dict(os.environ)
    for file in (sys.argv[1:] if arguments is None else arguments)[:1]:
        try:
            environ |= msgspec.json.decode(Path(file).read_bytes(), type=dict[str, str])
        except (OSError, msgspec.MsgspecError) as error:
            raise SettingsError(f"{file} must be a file with a JSON object of settings: {error}") from None
    return environ


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a run needs to know about its surroundings. Passwords never show in its repr."""

    kafka_url: str
    """Bootstrap servers, `host:port[,host:port…]` (`KAFKA_URL`)."""
    kafka_config: Mapping[str, str] = field(repr=False)
    """The other properties of librdkafka, login included (`KAFKA_CONFIG`)."""
    kafka_topic: str
    """Topic of the web-traffic events (`KAFKA_TOPIC`)."""
    kafka_topic_partitions: int
    """Partitions that the topic gets if it has to be made (`KAFKA_TOPIC_PARTITIONS`)."""
    postgres_url: str
    """`postgresql://host:port/database`, without user and password (`POSTGRES_URL`, JDBC form too)."""
    postgres_user: str
    postgres_password: str = field(repr=False)
    postgres_login: str
    """What proves the user: the password, or a token that is made for each connection (`POSTGRES_LOGIN`)."""
    checkpoint_location: str
    """Address of the checkpoint's folder, on a storage that Spark's driver and executors share."""
    starting_offsets: str
    """Where reading begins while the database is still empty: `earliest` or `latest` (`STARTING_OFFSETS`)."""
    shuffle_partitions: int
    """State partitions; fixed for the life of a checkpoint (`SHUFFLE_PARTITIONS`)."""
    state_store: str
    """Where open windows are while Spark runs, also fixed: in the JVM's `memory`, or in `rocksdb` (`STATE_STORE`)."""
    max_clock_skew: timedelta
    """How far an event may be ahead of its Kafka timestamp before it is future (`MAX_CLOCK_SKEW`, seconds)."""
    rejected_limit: int
    """How many bytes of rejected events are kept; of further ones only place and reason (`REJECTED_LIMIT`, MB)."""
    rebuild_checkpoint: bool
    """Set the checkpoint aside and make a new one that counts all unsealed windows (`REBUILD_CHECKPOINT`)."""
    accept_data_loss: bool
    """Go on without records that Kafka has deleted before they were read (`ACCEPT_DATA_LOSS`)."""
    run_name: str
    """Name of this run in `etl.run` (`RUN_NAME`; under Airflow the ids of the DAG and of its run)."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read and check all settings; `SettingsError` names the variable and what it may hold."""
        kafka_url, kafka_config = kafka_of(environ)
        postgres_login = _one_of(environ, "POSTGRES_LOGIN", ("password", RDS_IAM, ENTRA))
        if postgres_login != "password" and environ.get("POSTGRES_PASSWORD"):
            raise SettingsError(
                f"POSTGRES_PASSWORD (the password of Airflow's connection) has no effect with "
                f"POSTGRES_LOGIN={postgres_login}: leave it empty"
            )
        return cls(
            kafka_url=kafka_url,
            kafka_config=kafka_config,
            kafka_topic=_topic(environ.get("KAFKA_TOPIC", "web_traffic_topic")),
            kafka_topic_partitions=positive_int(environ, "KAFKA_TOPIC_PARTITIONS", 4),
            postgres_url=_postgres_url(environ.get("POSTGRES_URL", "jdbc:postgresql://localhost:5432/web_traffic")),
            postgres_user=environ.get("POSTGRES_USER", "web_traffic_writer"),
            postgres_password=environ.get("POSTGRES_PASSWORD", ""),
            postgres_login=postgres_login,
            checkpoint_location=_location(environ.get("CHECKPOINT_LOCATION", "var/checkpoint/web_traffic")),
            starting_offsets=_one_of(environ, "STARTING_OFFSETS", ("earliest", "latest")),
            shuffle_partitions=positive_int(environ, "SHUFFLE_PARTITIONS", 2),
            state_store=_one_of(environ, "STATE_STORE", (MEMORY, ROCKSDB)),
            rejected_limit=positive_int(environ, "REJECTED_LIMIT", 10_000) * 1_000_000,
            max_clock_skew=timedelta(seconds=positive_int(environ, "MAX_CLOCK_SKEW", 300)),
            rebuild_checkpoint=_flag(environ, "REBUILD_CHECKPOINT"),
            accept_data_loss=_flag(environ, "ACCEPT_DATA_LOSS"),
            run_name=environ.get("RUN_NAME") or f"alone__{datetime.now(UTC).isoformat(timespec='seconds')}",
        )


class Share(NamedTuple):
    """Another run that waits for the restatement of its interval, next to this run's."""

    name: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class RestateSettings:
    """What one restatement is to do."""

    interval: Interval | None
    """What to restate (`RESTATE_FROM`, `RESTATE_TO`); None for the windows that are still open."""
    allowed_lateness: timedelta
    """How long after its window's end an event still counts, by its Kafka timestamp (`ALLOWED_LATENESS`, seconds)."""
    dry_run: bool
    """Say what would change, and change nothing (`DRY_RUN`)."""
    shares: tuple[Share, ...]
    """Runs that this one can serve as well (`RESTATE_SHARES`, JSON: `[[name, from, to], …]`)."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read and check all settings; `SettingsError` names the variable and what it may hold."""
        words = Words("RESTATE_FROM", "RESTATE_TO", "CLOSE_IDLE_WINDOWS")
        start, end = (environ.get(name) for name in (words.start, words.end))
        shares = json.loads(environ.get("RESTATE_SHARES", "[]"))
        return cls(
            interval=asked_interval(start, end, words, close_idle_windows=_flag(environ, words.close_idle_windows)),
            allowed_lateness=allowed_lateness(environ),
            dry_run=_flag(environ, "DRY_RUN"),
            shares=tuple(Share(name, Interval(*map(datetime.fromisoformat, times))) for name, *times in shares),
        )


def allowed_lateness(environ: Mapping[str, str] = os.environ) -> timedelta:
    """Return how long after its window's end an event still counts; raises `SettingsError`."""
    return timedelta(seconds=positive_int(environ, "ALLOWED_LATENESS", 86_400))


def _topic(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", value):
        raise SettingsError(f"KAFKA_TOPIC={value!r}: a topic's name is of letters, digits, '.', '_' and '-'")
    return value


def _postgres_url(value: str) -> str:
    url = urlsplit(value.removeprefix("jdbc:"))
    if url.scheme not in ("postgresql", "postgres") or not url.netloc or not url.path.strip("/"):
        raise SettingsError("POSTGRES_URL must look like jdbc:postgresql://host:port/database")
    libpq_url = url._replace(scheme="postgresql").geturl()
    try:
        parameters = conninfo_to_dict(libpq_url)
    except psycopg.ProgrammingError as error:
        raise SettingsError(
            f"POSTGRES_URL: {str(error).strip()}. Leave out what only JDBC drivers know: the parameters are those of "
            "libpq, such as sslmode, sslrootcert, connect_timeout and application_name"
        ) from None
    if {"user", "password"} & parameters.keys():
        raise SettingsError("POSTGRES_URL must not hold the login: give POSTGRES_USER and POSTGRES_PASSWORD")
    return libpq_url


def _location(value: str) -> str:
    """Return the address of a folder, with its scheme; a path without one is on the local disk."""
    local, scheme, rest = re.sub("^file:(//)?(?=/(?!/))", "", value), *value.partition("://")[::2]
    if "://" not in local and Path(local).name:
        return f"file://{Path(local).absolute()}"
    host, _, path = rest.partition("/")
    if not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) or scheme == "file" or not path.strip("/"):
        raise SettingsError(
            f"CHECKPOINT_LOCATION={value!r} must be the path of a folder, or the address of one, such as "
            "hdfs://namenode:8020/web-traffic/checkpoint or s3a://bucket/web-traffic/checkpoint"
        )
    if ":" in host.rpartition("@")[0]:
        raise SettingsError(
            "CHECKPOINT_LOCATION must not hold a login: give it to Spark, by properties or environment"
        )
    return f"{scheme}://{host}/{path.strip('/')}"


def positive_int(environ: Mapping[str, str], name: str, default: int) -> int:
    """Return a variable that is a positive whole number; raises `SettingsError` for anything else."""
    value = environ.get(name, str(default))
    if not value.isdecimal() or int(value) == 0:
        raise SettingsError(f"{name}={value!r} must be a positive whole number")
    return int(value)


def _flag(environ: Mapping[str, str], name: str) -> bool:
    return _one_of(environ, name, ("false", "true")) == "true"


def _one_of(environ: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environ.get(name, allowed[0])
    if value not in allowed:
        raise SettingsError(f"{name}={value!r} must be one of {', '.join(allowed)}")
    return value
