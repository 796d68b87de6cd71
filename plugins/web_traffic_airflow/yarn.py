"""A driver in a YARN cluster: what travels with it, how a retry finds it again, and how it ends.

The provider submits, keeps the id of YARN's application in Airflow's state of the task, and asks the ResourceManager
how it is. A retry after a lost Airflow worker finds the driver by that id, and waits for it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from web_traffic.errors import NeedsAttention
from web_traffic.parcel import LIBRARIES, SETTINGS, pack_code, pack_settings
from web_traffic_airflow.connections import open_database
from web_traffic_airflow.submitting import NEEDS_ATTENTION, exit_status, given_property

DRIVER_PATH, ATTEMPTS = "spark.yarn.appMasterEnv.PYTHONPATH", "spark.yarn.maxAppAttempts"
FIRST_SESSION = "spark.yarn.am.waitTime"
DEFAULTS = {ATTEMPTS: "1", FIRST_SESSION: "1h"}
"""Properties that the properties file may override. YARN would repeat what needs a person. And it would end a driver
that has no Spark session after 100 s, but one that waits for the restatement before it may wait half an hour."""
FORGOTTEN = "FORGOTTEN"
"""State of an application that the ResourceManager does not know any more."""


class SparkRunFailed(AirflowException):
    """A Spark application failed; the message is its cause."""


def failure(cause: str, exit_code: int | None) -> Exception:
    """Return the error for an application that ended in this way."""
    return NeedsAttention(cause) if exit_code in NEEDS_ATTENTION else SparkRunFailed(cause)


class YarnDriver(SparkSubmitOperator):
    """The part of an operator that starts its driver in a YARN cluster, and looks after it there."""

    kind: Literal["live", "restate"]
    """Which runs of `etl.run` are its own."""
    is_on_yarn = False
    _run_name: str
    _environment: Mapping[str, str]
    _before: int | None = None
    """The newest run of that name before this try has submitted one."""

    def submit_to_yarn(self, context: Context, name: str, environment: Mapping[str, str]) -> None:
        """Submit, or find the driver of an earlier try, and wait for its end."""
        self._run_name, self._environment = name, os.environ | dict(environment)
        own_path = ":".join(path for path in (LIBRARIES, given_property(self.properties_file, DRIVER_PATH)) if path)
        others = {name: given_property(self.properties_file, name) or value for name, value in DEFAULTS.items()}
        self.conf = {**(self.conf or {}), DRIVER_PATH: own_path, **others}
        self._deploy_mode, self._yarn_track_via_rm_api = "cluster", True
        self.is_on_yarn = True
        self._hook = self._get_hook()
        try:
            self.execute_resumable(context)
        except AirflowException as error:
            raise SparkRunFailed(str(error)) from None  # spark-submit has not brought it to the cluster
        except RuntimeError as error:
            raise self._failure(str(error)) from None
        if store := context.get("task_state_store"):
            store.delete(self.external_id_key)  # so that a person who clears the task gets a run

    def submit_job(self, context: Context) -> str | None:
        """Submit the application with this package and a file of its settings, which only its user can read."""
        if run := self._newest_run():
            self._before = run["run_id"]
        with TemporaryDirectory(prefix="web_traffic-") as folder:
            self.files, self.application_args = str(pack_settings(Path(folder), self._environment)), [SETTINGS]
            self.py_files = str(pack_code(Path(folder)))
            self._hook = self._get_hook()
            return super().submit_job(context)

    def get_job_status(self, external_id: Any, context: Context) -> str:
        """Return the state of the driver of an earlier try; `FORGOTTEN` leads to a new one."""
        try:
            return super().get_job_status(external_id, context)
        except RuntimeError as error:
            if "HTTP 404" in str(error):
                return FORGOTTEN
            raise

    def poll_until_complete(self, external_id: Any, context: Context) -> None:
        """Wait for the end of the driver, and let `on_kill` know which one it is."""
        assert self._hook is not None
        self._hook._yarn_application_id = external_id  # noqa: SLF001  the provider forgets it for a driver found again
        super().poll_until_complete(external_id, context)

    def _failure(self, said: str) -> Exception:
        """Return the error for a driver that failed: its cause is in `etl.run` if it got so far."""
        code, run = exit_status(said), self._newest_run()
        if code is not None and run and run["run_id"] != self._before and run["error"]:
            return failure(run["error"], code)
        application = self._hook._yarn_application_id if self._hook else None  # noqa: SLF001
        log = f"; see `yarn logs -applicationId {application}`" if application else ""
        return failure(f"{' '.join(said.split())}{log}", code)

    def _newest_run(self) -> dict[str, Any] | None:
        from web_traffic.warehouse.ledger import run_summary

        with open_database() as connection:
            return run_summary(connection, self._run_name, self.kind)
