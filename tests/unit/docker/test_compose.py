"""The files of docker compose are valid and safe, and lose nothing when a container ends."""

import dataclasses
import subprocess
import sys
from collections.abc import Set
from pathlib import Path

import pytest
from dotenv import dotenv_values

from local_stack import Secrets, Stack, airflow
from local_stack.env_file import TEMPLATE
from local_stack.environment import REPO
from local_stack.programs import all_programs
from tests.unit.docker.compose_file import COMPOSE, SECURE, VARIABLE, Service, arguments, environment, load, strings


@pytest.mark.parametrize("file", [COMPOSE, SECURE], ids=lambda file: file.name)
def test_the_file_follows_the_compose_specification(file: Path) -> None:
    command = [str(Path(sys.prefix, "bin", "check-jsonschema")), "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run([*command, str(file)], check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_every_variable_is_one_of_the_template_or_has_a_default() -> None:
    texts = list(strings(load(is_secure=True)))
    assert [text for text in texts if "$" in VARIABLE.sub("", text)] == []
    found = [found for text in texts for found in VARIABLE.finditer(text)]
    used = {one["name"] for one in found if one["name"] and one["default"] is None}
    assert used <= dotenv_values(TEMPLATE).keys()
    assert used >= {one.metadata["variable"] for one in dataclasses.fields(Secrets)}


def test_no_secret_is_on_a_command_line(services: dict[str, Service], stack: Stack) -> None:
    commands = list(strings([[one.get("command"), one.get("healthcheck")] for one in services.values()]))
    assert [text for text in commands for secret in dataclasses.astuple(stack.secrets) if secret in text] == []


def test_only_the_api_server_knows_the_password_of_the_ui(services: dict[str, Service], stack: Stack) -> None:
    knows = [name for name, service in services.items() if stack.secrets.airflow_admin in "".join(strings(service))]
    assert knows == ["airflow-api-server"]


def test_a_service_is_checked_restarted_and_given_time_to_end(services: dict[str, Service], stack: Stack) -> None:
    for name, program in all_programs(stack).items():
        service = services[name]
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"].keys() >= {"test", "interval", "timeout", "retries", "start_period"}, name
        if name != "mail":  # it holds nothing that could be lost
            assert int(service["stop_grace_period"].removesuffix("s")) >= program.stop_within, name


def test_nothing_starts_before_what_it_needs(services: dict[str, Service], stack: Stack) -> None:
    needs = {
        name: {on: how["condition"] for on, how in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    after_api_server = {"airflow-api-server": "service_healthy"}
    after_certificates = {"certificates": "service_completed_successfully"} if stack.is_secure else {}
    after_kafka = {"kafka": "service_healthy"}
    after_login = {"kafka-user": "service_completed_successfully"} if stack.is_secure else {}
    if stack.is_secure:
        assert (needs.pop("certificates"), needs.pop("kafka-user")) == ({}, after_kafka)
    assert needs == {
        "postgres": after_certificates,
        "kafka": after_certificates,
        "mail": {},
        "airflow-init": {"postgres": "service_healthy"},
        "airflow-api-server": {"airflow-init": "service_completed_successfully"},
        "airflow-scheduler": after_api_server | after_kafka | after_login | {"mail": "service_healthy"},
        "airflow-dag-processor": after_api_server,
        "airflow-triggerer": after_api_server,
        "watchdog": after_api_server | {"mail": "service_healthy"},
        "traffic": after_kafka | after_login,
        "web-traffic": after_kafka | {"postgres": "service_healthy"},
    }


def test_no_service_can_become_more_than_it_is_or_take_all_memory(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
        assert service.keys() >= {"mem_limit", "pids_limit"}, name
    assert {name for name, service in services.items() if "cap_add" in service} == {"postgres"}


def test_postgresql_takes_its_scripts_from_a_checkout_that_only_its_owner_can_read(
    services: dict[str, Service],
) -> None:
    scripts = [
        Path(target.removesuffix(":ro")) for source, target in volumes(services["postgres"]).items() if is_file(source)
    ]
    assert {script.parent for script in scripts} == {Path("/run/scripts")}
    *_, script = services["postgres"]["command"]
    copy = "install --mode=0644 --target-directory=/docker-entrypoint-initdb.d /run/scripts/*.sql"
    assert copy in script.splitlines()


def test_ports_are_those_of_the_env_file_and_on_loopback_only(services: dict[str, Service], stack: Stack) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published == {
        "postgres": [f"127.0.0.1:{stack.ports.postgres}:5432"],
        "kafka": [f"127.0.0.1:{stack.ports.kafka}:19092"],
        "mail": [f"127.0.0.1:{stack.ports.mail}:1025"],
        "airflow-api-server": [f"127.0.0.1:{stack.ports.airflow}:8080"],
    }


def test_all_state_is_in_named_volumes(services: dict[str, Service], stack: Stack) -> None:
    mounts = {name: volumes(service) for name, service in services.items()}
    assert {source for one in mounts.values() for source in one if not is_file(source)} == named(stack)
    assert mounts["postgres"]["postgres"] == "/var/lib/postgresql"  # images from 18 on keep their data below it
    assert environment(services["kafka"])["KAFKA_LOG_DIRS"] == mounts["kafka"]["kafka"]
    assert Path(arguments(services["mail"])[-1]).is_relative_to(mounts["mail"]["mail"])
    scheduler = environment(services["airflow-scheduler"])
    assert Path(scheduler["CHECKPOINT_LOCATION"]).is_relative_to(mounts["airflow-scheduler"]["checkpoint"])
    assert {mounts[name]["alerts"] for name in (*airflow.PROGRAMS, "watchdog")} == {scheduler["ALERT_FOLDER"]}
    assert {mounts[name]["logs"] for name in airflow.PROGRAMS} == {scheduler["AIRFLOW__LOGGING__BASE_LOG_FOLDER"]}


def test_what_comes_from_the_project_folder_is_there_and_read_only(services: dict[str, Service]) -> None:
    files = [one for service in services.values() for one in volumes(service).items() if is_file(one[0])]
    assert [source for source, target in files if not (REPO / source).is_file() or not target.endswith(":ro")] == []


def test_only_the_service_that_makes_the_certificates_can_write_them(
    services: dict[str, Service], stack: Stack
) -> None:
    folder = "/var/lib/web-traffic/tls"
    mounted = {name: volumes(one)["tls"] for name, one in services.items() if "tls" in volumes(one)}
    assert mounted.keys() == {name for name, one in services.items() if folder in "".join(strings(one))}
    assert {name for name, place in mounted.items() if place == folder} == (
        {"certificates"} if stack.is_secure else set()
    )
    assert set(mounted.values()) <= {folder, f"{folder}:ro"}


def named(stack: Stack) -> Set[str]:
    """The named volumes."""
    return load(is_secure=stack.is_secure)["volumes"].keys()


def volumes(service: Service) -> dict[str, str]:
    """What a service mounts, and where."""
    return dict(one.split(":", 1) for one in service.get("volumes", ()))


def is_file(source: str) -> bool:
    return source.startswith("./")
