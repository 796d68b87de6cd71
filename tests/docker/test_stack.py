"""The stack of docker-compose.yaml as its documentation starts it, in a project with ports and volumes of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from dotenv import dotenv_values

from local_stack import Stack
from local_stack.environment import REPO
from tests.faults.stopped import wait_until
from tests.homes import fresh_home

PROJECT = "web-traffic-test"
BUILD_SECONDS, START_SECONDS, RUN_SECONDS = 2400, 600, 300
NOTICED_SECONDS = 1200
"""Airflow misses the heartbeats of a killed task for five minutes before its retry."""
SCHEDULER = "airflow-scheduler"


@dataclass(frozen=True)
class Compose:
    """docker compose, with the settings of one stack."""

    stack: Stack

    def run(self, *arguments: str, within: float = START_SECONDS) -> subprocess.CompletedProcess[str]:
        """Run one of its commands."""
        options = ["--project-name", PROJECT, "--env-file", str(self.stack.env_file), "--profile", "*"]
        own = dotenv_values(self.stack.env_file)  # a variable of the shell would come before it
        kept = {name: value for name, value in os.environ.items() if name not in own and "COMPOSE" not in name}
        return subprocess.run(
            ["docker", "compose", *options, *arguments],
            cwd=REPO,
            env=kept,
            check=False,
            capture_output=True,
            text=True,
            timeout=within,
        )

    def __call__(self, *arguments: str, within: float = START_SECONDS) -> str:
        """Run one of its commands, and return what it prints."""
        result = self.run(*arguments, within=within)
        assert result.returncode == 0, f"{arguments}: {result.stdout[-3000:]}{result.stderr[-3000:]}"
        return result.stdout

    def services(self) -> dict[str, Any]:
        """Return the services, as docker compose reads the file."""
        found: dict[str, Any] = json.loads(self("config", "--format", "json"))["services"]
        return found

    def start(self) -> None:
        """Start what does not run, and wait until it is healthy; services of other profiles stay as they are."""
        self("up", "--detach", "--wait", *(name for name, one in self.services().items() if "profiles" not in one))

    def ask(self, query: str) -> str:
        """Ask the database of the ETL, as the role of the page."""
        psql = "PGPASSWORD=$POSTGRES_READER_PASSWORD exec psql --host=127.0.0.1 --username=web_traffic_reader"
        script = f'{psql} --no-psqlrc --no-align --tuples-only --command="$0" web_traffic'
        return self("exec", "--no-TTY", "postgres", "sh", "-c", script, query).strip()

    def airflow(self, *arguments: str) -> str:
        return self("exec", "--no-TTY", SCHEDULER, "airflow", *arguments)

    def send(self, events: int, seed: int) -> None:
        """Send an hour of traffic that ends now."""
        command = ["python", "-m", "simulator", "produce", "--events", str(events), "--seed", str(seed)]
        self("run", "--rm", "--no-TTY", "traffic", *command)

    def left(self, kind: str) -> str:
        """Return what there is of the project: its containers, volumes or networks."""
        label = f"label=com.docker.compose.project={PROJECT}"
        every = ["--all"] if kind == "container" else []
        listed = ["docker", kind, "ls", *every, "--quiet", "--filter", label]
        return subprocess.run(listed, check=True, capture_output=True, text=True).stdout


def volumes() -> set[str]:
    """Return the names of all volumes of the engine: one without a name has no label, either."""
    listed = subprocess.run(["docker", "volume", "ls", "--quiet"], check=True, capture_output=True, text=True)
    return set(listed.stdout.split())


def no_engine() -> str:
    """Return why there is no engine; nothing if one answers."""
    if not shutil.which("docker"):
        return "there is no docker on this machine"
    asked = subprocess.run(["docker", "version"], check=False, capture_output=True, text=True)
    compose = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True, text=True)
    failed = [one.stderr.strip().splitlines()[-1:] for one in (asked, compose) if one.returncode]
    return f"no engine of Docker with Compose answers: {failed[0]}" if failed else ""


@pytest.fixture(scope="module")
def compose() -> Iterator[Compose]:
    if reason := no_engine():
        pytest.skip(reason)
    home = fresh_home("docker")
    compose, before = Compose(Stack.create(home)), volumes()
    compose("down", "--volumes", "--remove-orphans")
    try:
        compose("build", within=BUILD_SECONDS)
        compose.start()
        yield compose
    except BaseException:
        print(compose("ps", "--all"), compose("logs", "--no-color", "--tail", "50"))
        raise
    finally:
        compose("down", "--volumes", "--remove-orphans")
        shutil.rmtree(home)
    assert [compose.left(kind) for kind in ("container", "volume", "network")] == ["", "", ""]
    assert volumes() - before == set()


def test_the_stack_counts_right_also_after_a_kill_in_mid_run(compose: Compose) -> None:
    compose.airflow("dags", "unpause", "web_traffic")
    wait_until(lambda: has_topic(compose), "the topic, which the first run makes", START_SECONDS)
    compose.send(50_000, seed=1)
    compose.airflow("dags", "trigger", "web_traffic")
    wait_until(lambda: counted(compose) == 50_000, "a run that counts the events", RUN_SECONDS)
    assert "RIGHT" in recount(compose)

    compose.send(200_000, seed=2)
    compose.airflow("dags", "trigger", "web_traffic")
    running = "SELECT max(run_id) FROM etl.run WHERE status = 'running'"
    wait_until(lambda: compose.ask(running) != "", "a run that works", RUN_SECONDS)
    killed = compose.ask(running)
    compose("kill", SCHEDULER)  # the driver dies with it
    assert compose.ask(f"SELECT status FROM etl.run WHERE run_id = {killed}") == "running"
    compose.start()
    later = f"SELECT count(*) FROM etl.run WHERE status = 'succeeded' AND run_id > {killed}"
    wait_until(lambda: compose.ask(later) != "0", "a run after the one that was killed", NOTICED_SECONDS)
    assert counted(compose) == 250_000
    assert "RIGHT" in recount(compose)


def has_topic(compose: Compose) -> bool:
    """Ask as the health check of the traffic does."""
    *_, check = compose.services()["traffic"]["healthcheck"]["test"]
    return compose.run("run", "--rm", "--no-TTY", "traffic", "python", "-c", check).returncode == 0


def counted(compose: Compose) -> int:
    """Return how many records of the topic the ledger has."""
    newest = "SELECT end_offsets FROM etl.batch ORDER BY committed_at DESC LIMIT 1"
    found = compose.ask(f"SELECT sum(value::bigint) FROM ({newest}) AS newest, jsonb_each_text(end_offsets)")
    return int(found or 0)


def recount(compose: Compose) -> str:
    return compose("run", "--rm", "--no-TTY", "web-traffic", "recount")
