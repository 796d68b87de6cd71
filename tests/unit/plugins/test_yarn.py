"""A try of a task and the driver of an earlier try, with a stand-in for YARN's ResourceManager.

`tests/hadoop` has the same on a real cluster.
"""

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from web_traffic.errors import NeedsAttention
from web_traffic.restatement.ledger import RESTATEMENT_WAIT
from web_traffic.warehouse.ledger import RUN_WAIT
from web_traffic_airflow import yarn
from web_traffic_airflow.operators import AggregateOperator
from web_traffic_airflow.yarn import SparkRunFailed

KEY, FIRST, SECOND = "spark_job_id", "application_1_0001", "application_1_0002"
RUNNING = {"state": "RUNNING", "finalStatus": "UNDEFINED"}
SUCCEEDED = {"state": "FINISHED", "finalStatus": "SUCCEEDED"}


def failed(diagnostics: str) -> dict[str, str]:
    return {"state": "FINISHED", "finalStatus": "FAILED", "diagnostics": diagnostics}


class ResourceManager(HTTPServer):
    """Answers for each application what it is told to, one after the other, and then always the last."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.states: dict[str, list[dict[str, str]]] = {}
        self.killed: list[str] = []


class _Answers(BaseHTTPRequestHandler):
    server: ResourceManager

    def do_GET(self) -> None:
        states = self.server.states.get(self.path.rpartition("/")[2])
        if not states:
            self._answer(404, {})
            return
        self._answer(200, {"app": states.pop(0) if len(states) > 1 else states[0]})

    def do_PUT(self) -> None:
        self.server.killed.append(self.path.split("/")[-2])
        self._answer(202, {})

    def _answer(self, code: int, content: object) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[ResourceManager]:
    server = ResourceManager()
    Thread(target=server.serve_forever, daemon=True).start()
    extra = {"deploy-mode": "cluster", "yarn_resourcemanager_webapp_address": f"127.0.0.1:{server.server_port}"}
    connection = {"conn_type": "spark", "host": "yarn", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(connection))
    monkeypatch.setattr(yarn, "open_database", nullcontext)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The runs of `etl.run` with the name of this one."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr("web_traffic.warehouse.ledger.run_summary", lambda *_: found[-1] if found else None)
    return found


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which applications a try has submitted."""
    found: list[str] = []
    monkeypatch.setattr(SparkSubmitOperator, "submit_job", lambda *_: found.append(SECOND) or SECOND)
    return found


def try_it(store: dict[str, str]) -> AggregateOperator:
    """Let a try of the task do its part, and return its operator."""

    class Store(dict[str, str]):
        set, delete = dict.__setitem__, dict.__delitem__

    kept = Store(store)
    operator = AggregateOperator(task_id="aggregate", work={"lag": 0})
    try:
        operator.submit_to_yarn({"task_state_store": kept}, "dag/run", {})  # type: ignore[typeddict-item]
    finally:
        store.clear()
        store.update(kept)
    return operator


def test_a_try_waits_for_the_driver_of_the_one_before(
    manager: ResourceManager, runs: list[dict[str, Any]], submitted: list[str]
) -> None:
    manager.states = {FIRST: [RUNNING, SUCCEEDED]}
    store = {KEY: FIRST}
    operator = try_it(store)
    assert submitted == []
    assert store == {}, "a person who clears the task would get no run"
    operator.on_kill()
    assert manager.killed == [FIRST]


@pytest.mark.parametrize("states", [[], [failed("it broke")]], ids=["forgotten", "failed"])
def test_a_try_submits_anew_if_the_driver_before_has_failed_or_is_not_known_any_more(
    manager: ResourceManager, runs: list[dict[str, Any]], submitted: list[str], states: list[dict[str, str]]
) -> None:
    manager.states = {FIRST: states, SECOND: [SUCCEEDED]}
    try_it({KEY: FIRST})
    assert submitted == [SECOND]


def test_a_driver_may_wait_for_its_turn_longer_than_yarn_would_let_it(
    manager: ResourceManager, runs: list[dict[str, Any]], submitted: list[str]
) -> None:
    manager.states = {FIRST: [SUCCEEDED]}
    units = {"s": "seconds", "min": "minutes", "h": "hours"}
    given = (try_it({KEY: FIRST}).conf or {})["spark.yarn.am.waitTime"]
    [(number, unit)] = re.findall(r"^(\d+)([a-z]+)$", given)
    assert timedelta(**{units[unit]: int(number)}) > max(RUN_WAIT, RESTATEMENT_WAIT)


def test_a_driver_that_succeeded_before_airflow_knew_is_not_started_again(
    manager: ResourceManager, runs: list[dict[str, Any]], submitted: list[str]
) -> None:
    manager.states = {FIRST: [SUCCEEDED]}
    try_it({KEY: FIRST})
    assert submitted == []


@pytest.mark.parametrize(
    ("status", "kind"), [("exited with status 78", NeedsAttention), ("exited with status 1", SparkRunFailed)]
)
def test_the_cause_of_a_failure_is_that_of_the_run(
    manager: ResourceManager, runs: list[dict[str, Any]], submitted: list[str], status: str, kind: type[Exception]
) -> None:
    manager.states = {FIRST: [RUNNING, failed(f"User application {status}")]}
    runs.append({"run_id": 7, "error": "DataLoss: records are gone"})
    store = {KEY: FIRST}
    with pytest.raises(kind, match=r"^DataLoss: records are gone$"):
        try_it(store)
    assert store == {KEY: FIRST}


def test_a_failure_of_an_earlier_try_is_not_the_cause_of_this_one(
    manager: ResourceManager, runs: list[dict[str, Any]], submitted: list[str]
) -> None:
    manager.states = {SECOND: [failed("User application exited with status 1")]}
    runs.append({"run_id": 7, "error": "DataLoss: records are gone"})
    with pytest.raises(SparkRunFailed, match=f"exited with status 1; see `yarn logs -applicationId {SECOND}`"):
        try_it({})
