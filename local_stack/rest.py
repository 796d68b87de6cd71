"""A client of the stack's Airflow, for the demo and the tests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from local_stack.environment import Stack
from local_stack.errors import StackError

POLL_SECONDS = 0.5
FINISHED = ("success", "failed")


class AirflowApi:
    """Airflow's REST API (v2), logged in as the stack's admin."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """The JSON at `path`, below /api/v2."""
        return self._json("GET", path, params=parameters)

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        """Make something at `path`, and return it."""
        return self._json("POST", path, json=fields)

    def patch(self, path: str, **fields: Any) -> dict[str, Any]:
        """Change what is at `path`, and return it."""
        return self._json("PATCH", path, json=fields)

    def put(self, path: str) -> dict[str, Any]:
        """Do what `path` says, and return the outcome."""
        return self._json("PUT", path)

    def unpause(self, dag_id: str, within: float = 60) -> None:
        """Let the DAG be scheduled, as soon as Airflow knows it."""
        end = time.monotonic() + within
        while self._client.get(f"/api/v2/dags/{dag_id}").status_code == httpx.codes.NOT_FOUND:
            if time.monotonic() > end:
                errors = self.get("/importErrors")["import_errors"]
                raise StackError(
                    f"Airflow has no DAG {dag_id} after {within:.0f} s; import errors: {errors or 'none'}"
                )
            time.sleep(POLL_SECONDS)
        self.patch(f"/dags/{dag_id}", is_paused=False)

    def trigger(self, dag_id: str, **fields: Any) -> str:
        """Start a manual run and return its id."""
        run_id: str = self._json("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, **fields})[
            "dag_run_id"
        ]
        return run_id

    def runs(self, dag_id: str, run_type: str = "scheduled", limit: int = 20) -> list[dict[str, Any]]:
        """The newest runs of a type, newest first."""
        path = f"/dags/{dag_id}/dagRuns"
        runs: list[dict[str, Any]] = self.get(path, run_type=run_type, order_by="-run_after", limit=limit)["dag_runs"]
        return runs

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The tasks of a run in the order in which they ended."""
        found: list[dict[str, Any]] = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return sorted(found, key=lambda task: task["end_date"] or "~")

    def wait_for_run(self, dag_id: str, run_id: str, within: float) -> dict[str, Any]:
        """Wait until the run has succeeded or failed, and return it; raises `StackError` after that many seconds."""
        end = time.monotonic() + within
        while (run := self.get(f"/dags/{dag_id}/dagRuns/{run_id}"))["state"] not in FINISHED:
            if time.monotonic() > end:
                raise StackError(
                    f"{run_id} of {dag_id} is {run['state']} after {within:.0f} s: see its page in the UI."
                )
            time.sleep(POLL_SECONDS)
        return run

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        response = self._client.request(method, f"/api/v2{path}", **arguments)
        if response.is_error:
            raise StackError(f"Airflow answers {method} {path} with {response.status_code}: {response.text[:500]}")
        answer: dict[str, Any] = response.json()
        return answer


@contextmanager
def airflow_api(stack: Stack) -> Iterator[AirflowApi]:
    """Log in to the stack's Airflow."""
    with httpx.Client(base_url=stack.airflow_url, timeout=30) as client:
        login = {"username": "admin", "password": stack.secrets.airflow_admin}
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield AirflowApi(client)
