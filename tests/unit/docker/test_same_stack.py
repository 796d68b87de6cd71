"""The stack of docker compose is the embedded one, plain and secured: programs, settings, connections and roles."""

import base64
import json
import re
import shlex
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from local_stack import Stack, airflow, containers, kafka, postgres
from local_stack.environment import LOOPBACK, REPO
from local_stack.programs import all_programs
from tests.unit.docker.compose_file import Service, arguments, environment
from web_traffic.kafka_config import parse
from web_traffic.settings import Settings

INIT = "airflow-init"
ONCE = {INIT, "certificates", "kafka-user", "web-traffic"}
"""Services that end when their work is done. In the embedded stack it is done around a program, or by a command."""


def as_embedded(value: str, stack: Stack) -> str:
    """A setting with the addresses and folders of the containers replaced by those of the embedded stack."""
    places = {
        "postgres:5432": f"{LOOPBACK}:{stack.ports.postgres}",
        "kafka:9092": stack.kafka_url,
        "mail:1025": f"{LOOPBACK}:{stack.ports.mail}",
        "airflow-api-server:8080": f"{LOOPBACK}:{stack.ports.airflow}",
        "/opt/web-traffic": REPO,
        "/opt/airflow/logs": stack.log_folder / "airflow-tasks",
        "/opt/airflow": airflow.home(stack),
        "/var/lib/web-traffic/alerts": stack.home / "alerts",
        "/var/lib/web-traffic/checkpoint": stack.checkpoint.parent,
        "/var/lib/web-traffic/tls": stack.tls_folder,
        "/run/tls": stack.tls_folder,
    }
    for inside, embedded in places.items():
        value = value.replace(inside, str(embedded))
    return value


def with_login(settings: dict[str, str]) -> dict[str, object]:
    """The settings with the login to Kafka in place of its text or file."""
    return settings | {"KAFKA_CONFIG": parse(settings.get("KAFKA_CONFIG", ""))}


def options(words: list[str]) -> dict[str, str]:
    return dict(zip(words[::2], words[1::2], strict=True))


def test_the_services_are_the_programs(services: dict[str, Service], stack: Stack) -> None:
    programs = all_programs(stack)
    assert services.keys() - ONCE == programs.keys()
    on_demand = {name for name, service in services.items() if "profiles" in service} - ONCE
    assert on_demand == {name for name, program in programs.items() if program.is_optional}


@pytest.mark.parametrize("name", [*airflow.PROGRAMS, INIT])
def test_airflow_has_the_settings_of_the_embedded_stack(services: dict[str, Service], stack: Stack, name: str) -> None:
    settings = environment(services[name])
    ours = {key: as_embedded(value, stack) for key, value in settings.items() if not key.startswith("AIRFLOW_CONN_")}
    ours.pop("AIRFLOW_ADMIN_PASSWORD", None)
    embedded = {key: one for key, one in airflow.environment(stack).items() if not key.startswith("AIRFLOW_CONN_")}
    of_the_image = {"AIRFLOW_HOME", "JAVA_HOME"}
    in_its_own_network = {"AIRFLOW__API__HOST": "0.0.0.0", "AIRFLOW__API__PORT": "8080"}
    assert ours == {key: one for key, one in embedded.items() if key not in of_the_image} | in_its_own_network


@pytest.mark.parametrize("name", [*airflow.PROGRAMS, INIT])
def test_airflow_has_the_connections_of_the_embedded_stack(
    services: dict[str, Service], stack: Stack, name: str
) -> None:
    addresses = {"postgres": (LOOPBACK, stack.ports.postgres), "mail": (LOOPBACK, stack.ports.mail)}
    inside = {"postgres": 5432, "mail": 1025}
    ours = {}
    for key, value in environment(services[name]).items():
        if key.startswith("AIRFLOW_CONN_"):
            connection = json.loads(as_embedded(value, stack))
            if connection.get("host") in addresses:
                assert connection["port"] == inside[connection["host"]]
                connection["host"], connection["port"] = addresses[connection["host"]]
            ours[key.removeprefix("AIRFLOW_CONN_").lower()] = connection
    assert ours == airflow.connections(stack)


@pytest.mark.parametrize("name", airflow.PROGRAMS)
def test_airflow_runs_the_programs_of_the_embedded_stack(services: dict[str, Service], name: str) -> None:
    assert arguments(services[name]) == airflow.PROGRAMS[name][2]


@pytest.mark.parametrize("name", [name for name in airflow.PROGRAMS if name != "airflow-api-server"])
def test_a_component_is_healthy_when_the_api_server_says_so(services: dict[str, Service], name: str) -> None:
    *_, check = services[name]["healthcheck"]["test"]
    assert "http://airflow-api-server:8080/api/v2/monitor/health" in check
    assert f'"{airflow.PROGRAMS[name][1]}":{{"status":"healthy"' in check


def test_the_commands_have_the_environment_of_the_embedded_stack(services: dict[str, Service], stack: Stack) -> None:
    assert services["web-traffic"]["entrypoint"] == ["python", "-m", "web_traffic"]
    ours = {key: as_embedded(value, stack) for key, value in environment(services["web-traffic"]).items()}
    of_a_run = {"CHECKPOINT_LOCATION", "KAFKA_TOPIC_PARTITIONS"}
    embedded = {key: one for key, one in stack.job_environment().items() if key not in of_a_run}
    assert with_login(ours) == with_login(embedded)


@pytest.mark.parametrize("name", ["traffic", "watchdog"])
def test_our_own_programs_are_those_of_the_embedded_stack(
    services: dict[str, Service], stack: Stack, name: str
) -> None:
    program = all_programs(stack)[name]
    assert arguments(services[name]) == ("python", *program.command()[1:])
    ours = {key: as_embedded(value, stack) for key, value in environment(services[name]).items()}
    assert with_login(ours) == with_login(program.environment())


def test_the_traffic_starts_where_python_finds_the_simulator(services: dict[str, Service], stack: Stack) -> None:
    folder = all_programs(stack)["traffic"].directory
    assert (folder / "simulator" / "__main__.py").is_file()
    assert as_embedded(services["traffic"]["working_dir"], stack) == str(folder)
    assert "!simulator" in (REPO / ".dockerignore").read_text().splitlines()


def test_kafka_has_the_settings_of_the_embedded_stack(services: dict[str, Service], stack: Stack) -> None:
    variables = environment(services["kafka"])
    ours = {
        name.removeprefix("KAFKA_").lower().replace("___", "-").replace("_", "."): as_embedded(value, stack)
        for name, value in variables.items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    embedded = {name: str(value) for name, value in kafka._settings(stack, Path("/var/lib/kafka/data")).items()}
    name, protocol = ("SECURED", "SASL_SSL") if stack.is_secure else ("PLAINTEXT", "PLAINTEXT")
    for_the_host = {
        setting.replace(".secured.", ".host."): value
        for setting, value in embedded.items()
        if setting.startswith("listener.name.secured.")
    }
    assert ours == embedded | for_the_host | {
        "controller.quorum.voters": "1@127.0.0.1:9093",
        "listeners": f"{name}://:9092,HOST://:19092,CONTROLLER://127.0.0.1:9093",
        "advertised.listeners": f"{name}://{stack.kafka_url},HOST://{stack.kafka_url}",
        "listener.security.protocol.map": f"{name}:{protocol},HOST:{protocol},CONTROLLER:{protocol}",
    }
    assert len(base64.urlsafe_b64decode(variables["CLUSTER_ID"] + "==")) == 16


def test_kafka_has_the_memory_of_the_embedded_stack(
    services: dict[str, Service], stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_java", lambda *options: list(options))
    heap = [option for option in kafka.command(stack) if option.startswith("-Xm")]
    assert shlex.split(environment(services["kafka"])["KAFKA_HEAP_OPTS"]) == heap


def test_postgresql_has_the_settings_of_the_embedded_stack(services: dict[str, Service], stack: Stack) -> None:
    def settings(command: list[str]) -> dict[str, str]:
        return dict(as_embedded(word, stack).split("=", 1) for word in command if "=" in word)

    addresses = {"listen_addresses", "port", "unix_socket_directories"}
    embedded = {name: one for name, one in settings(postgres.command(stack)).items() if name not in addresses}
    assert settings(list(arguments(services["postgres"]))) == embedded


def test_postgresql_is_initialised_as_in_the_embedded_stack(
    services: dict[str, Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    postgres._initdb(tmp_path, tmp_path / "password", None)
    of_the_image = {"--pgdata", "--username", "--pwfile"}
    embedded = {name: value for name, value in options(commands[0]).items() if name not in of_the_image}
    assert options(shlex.split(environment(services["postgres"])["POSTGRES_INITDB_ARGS"])) == embedded


def test_roles_and_databases_are_those_of_the_embedded_stack(
    services: dict[str, Service], stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles: dict[str, str] = {}
    databases: dict[str, tuple[str, set[str]]] = {}
    monkeypatch.setattr(postgres, "_connect", lambda *_: BytesIO())
    monkeypatch.setattr(postgres, "_ensure_role", lambda _, role, password: roles.update({role: password}))
    monkeypatch.setattr(
        postgres,
        "_ensure_database",
        lambda _, name, owner, guests, *__: databases.update({name: (owner, set(guests))}),
    )
    limits = []
    monkeypatch.setattr(postgres, "_limit_idle_transactions", lambda _, role, limit: limits.append((role, limit)))
    postgres.provision(stack)

    variables = environment(services["postgres"])
    scripts = [one.split(":")[0] for one in services["postgres"]["volumes"] if "/run/scripts/" in one]
    sql = "".join((REPO / script).read_text() for script in scripts)
    sources = dict(re.findall(r"^\\getenv (\w+) (\w+)$", sql, re.MULTILINE))
    made = re.findall(r"^CREATE ROLE (\w+) LOGIN PASSWORD :'(\w+)';$", sql, re.MULTILINE)
    assert {role: variables[sources[variable]] for role, variable in made} == roles
    assert (
        re.findall(r"^ALTER ROLE (\w+) SET idle_in_transaction_session_timeout = '(\w+)';$", sql, re.MULTILINE)
        == limits
    )
    guests = re.findall(r"^GRANT CONNECT ON DATABASE (\w+) TO (\w+);$", sql, re.MULTILINE)
    owners = re.findall(r"^CREATE DATABASE (\w+) OWNER (\w+) ", sql, re.MULTILINE)
    assert {name: (owner, {guest for to, guest in guests if to == name}) for name, owner in owners} == databases
    assert set(re.findall(r"^REVOKE ALL ON DATABASE (\w+) FROM PUBLIC;$", sql, re.MULTILINE)) == databases.keys()
    assert variables["POSTGRES_PASSWORD"] == stack.secrets.postgres_admin


@pytest.mark.parametrize("stack", ["secured"], indirect=True)
def test_the_certificates_are_for_every_name_of_a_server(services: dict[str, Service], tmp_path: Path) -> None:
    python, option, module, command, folder, *hosts = arguments(services["certificates"])
    assert (python, option, module) == ("python", "-m", containers.__name__)
    assert set(hosts) == {"postgres", "kafka", "localhost", LOOPBACK}
    assert f"tls:{folder}" in services["certificates"]["volumes"]
    containers.main([command, str(tmp_path), *hosts])
    assert {file.name for file in tmp_path.iterdir()} >= {"ca.pem", "kafka.pem", "postgres.pem", "postgres.key"}


@pytest.mark.parametrize("stack", ["secured"], indirect=True)
def test_the_login_to_kafka_is_made_by_the_administrator_of_the_embedded_stack(
    services: dict[str, Service], stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(services["kafka-user"]).items():
        monkeypatch.setenv(name, as_embedded(value, stack))
    monkeypatch.setattr(containers, "make_admin", lambda settings, _: settings)
    made: list[tuple[Settings, str]] = []
    monkeypatch.setattr(containers, "make_user", lambda settings, password: made.append((settings, password)))
    containers.main(arguments(services["kafka-user"])[3:])
    [(settings, password)] = made
    assert (settings.kafka_url, settings.kafka_config) == (stack.kafka_url, kafka.admin_login(stack))
    assert password == stack.secrets.kafka
