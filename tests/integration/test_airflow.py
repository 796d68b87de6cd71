"""The whole embedded stack: Airflow is healthy, guarded, on loopback, and keeps its secrets."""

import dataclasses

import httpx
import psutil
import pytest

from local_stack import Stack, airflow, up
from local_stack.leftovers import find_processes
from local_stack.lifecycle import status
from tests.integration.local_stack.observe import texts_that_others_see

pytestmark = pytest.mark.usefixtures("traffic")
PROGRAMS = ("postgres", "kafka", "mail", "airflow")


def log_in(stack: Stack, password: str) -> httpx.Response:
    return httpx.post(f"{stack.airflow_url}/auth/token", json={"username": "admin", "password": password})


def test_all_parts_of_airflow_are_healthy(stack: Stack) -> None:
    report = httpx.get(f"{stack.airflow_url}/api/v2/monitor/health").json()
    assert {name: part["status"] for name, part in report.items()} == dict.fromkeys(
        ("metadatabase", "scheduler", "dag_processor", "triggerer"), "healthy"
    )


def test_the_password_of_the_env_file_opens_the_api(stack: Stack) -> None:
    token = log_in(stack, stack.secrets.airflow_admin).raise_for_status().json()["access_token"]
    dags = httpx.get(f"{stack.airflow_url}/api/v2/dags", headers={"Authorization": f"Bearer {token}"})
    assert dags.status_code == 200


def test_nobody_enters_with_another_password_or_none(stack: Stack) -> None:
    assert log_in(stack, "admin").status_code == 401
    assert httpx.get(f"{stack.airflow_url}/api/v2/dags").status_code == 401


def test_a_scheduler_that_stopped_counts_as_not_ready(stack: Stack) -> None:
    assert airflow.is_ready(stack, "scheduler", since=0)
    assert not airflow.is_ready(stack, "scheduler", since=4_000_000_000)


def test_nothing_of_airflow_listens_beyond_loopback(stack: Stack) -> None:
    addresses = {
        (one.laddr.ip.removeprefix("::ffff:"), one.laddr.port)
        for process in find_processes(stack)
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }
    assert {address for address, _ in addresses} == {"127.0.0.1"}
    assert {port for _, port in addresses} >= set(dataclasses.astuple(stack.ports))


def test_no_secret_of_airflow_is_on_a_command_line_or_in_a_log(stack: Stack) -> None:
    secrets = dataclasses.astuple(stack.secrets)
    seen = texts_that_others_see(stack)
    assert len(seen) > 16
    assert [text for text in seen if any(secret in text for secret in secrets)] == []


def test_every_file_of_airflow_with_a_secret_is_for_its_owner_only(stack: Stack) -> None:
    secrets = [secret.encode() for secret in dataclasses.astuple(stack.secrets)]
    holders = {
        file.name: file.stat().st_mode & 0o777
        for folder in (stack.home / "airflow", stack.run_folder, stack.log_folder)
        for file in folder.rglob("*")
        if file.is_file() and any(secret in file.read_bytes() for secret in secrets)
    }
    assert holders == {"passwords.json": 0o600, "supervisord.conf": 0o600}


def test_a_second_start_leaves_airflow_as_it_is(stack: Stack) -> None:
    before = {program.name: state.pid for program, state in status(stack) if state}
    up(stack, *PROGRAMS)
    assert {program.name: state.pid for program, state in status(stack) if state} == before
