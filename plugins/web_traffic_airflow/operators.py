"""Operators: a thin shell around spark-submit."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseHook, Context
from airflow.sdk.exceptions import AirflowException

from web_traffic.errors import CAUSE_FILE
from web_traffic.faults import fault_point
from web_traffic_airflow.connections import SPARK, job_environment, open_database
from web_traffic_airflow.links import RunLink
from web_traffic_airflow.naming import run_name
from web_traffic_airflow.submitting import (
    JAVA_OPTIONS,
    TRACKING,
    cause_of,
    runs_on_yarn,
    with_options_of_user,
)
from web_traffic_airflow.yarn import YarnDriver, failure

SMALL_LAG = 200_000
"""With fewer offsets, a run ends before the optimising compiler (C2) and a parallel collector pay off."""
SMALL_RUN = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
LARGE_RUN = (
    "-XX:+UseParallelGC -Xms1g -XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000 "
    "-XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000"
)
"""C2 compiles only code that runs ten times as often as by default: in a run of a minute the rest does not pay off."""
GRACE_SECONDS = 3
"""Airflow kills a task 5 s after it has asked it to end."""


class SparkJobOperator(YarnDriver):
    """Run one of the project's Spark applications with spark-submit.

    `spark_default` says where (master, `deploy-mode`) and with which properties file (`properties-file` in its extra).
    Addresses and the password never reach the application through arguments: they are in the environment of the
    process, or in a file of its own if the driver runs in a YARN cluster.
    """

    application_module: str
    """Module below `web_traffic.jobs`; it is run from where the package is installed."""

    def __init__(self, **kwargs: Any) -> None:
        """Take the arguments of any operator."""
        application = resources.files("web_traffic.jobs") / f"{self.application_module}.py"
        super().__init__(application=str(application), conn_id=SPARK, name="web_traffic", **kwargs)

    def submit(self, context: Context, name: str, environment: Mapping[str, str], java_options: str) -> None:
        """Submit and wait; raises `NeedsAttention` if a person has to act, and `SparkRunFailed` for other failures."""
        extra = BaseHook.get_connection(SPARK).extra_dejson
        self.properties_file = extra.get("properties-file")
        self.conf = {JAVA_OPTIONS: with_options_of_user(java_options, self.properties_file)}
        own = job_environment(run_name=name) | dict(environment)
        master = self._get_hook()._connection["master"]  # noqa: SLF001  the hook's reading of the connection counts
        if runs_on_yarn(master, extra.get("deploy-mode"), extra.get(TRACKING), self.properties_file):
            self.submit_to_yarn(context, name, own)
        else:
            self._submit_here(own)
        fault_point("submitted")

    def _submit_here(self, environment: Mapping[str, str]) -> None:
        """Run the driver in a session of its own."""
        with TemporaryDirectory(prefix="web_traffic-") as folder:
            cause_file = Path(folder, "cause")
            os.environ.update(environment, **{CAUSE_FILE: str(cause_file)})
            self._hook = self._get_hook()
            try:
                self._hook.submit(self.application, start_new_session=True)
            except AirflowException as error:
                code = self._process.returncode if self._process else None
                raise failure(cause_of(cause_file, str(error), code), code) from None

    def on_kill(self) -> None:
        """End the driver in the cluster, or spark-submit and all that it has started.

        Here it is by SIGTERM, and by SIGKILL just before Airflow would do it.
        """
        if self.is_on_yarn:
            super().on_kill()
            return
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Tell Airflow's OpenLineage provider what the run has read and written."""
        from web_traffic_airflow.lineage import of_run

        return of_run(task_instance, self.kind)

    @property
    def _process(self) -> subprocess.Popen[str] | None:
        return self._hook._submit_sp if self._hook else None  # noqa: SLF001  the hook has no public name for it


class AggregateOperator(SparkJobOperator):
    """Run `web_traffic.jobs.aggregate` and return the run's summary."""

    application_module = "aggregate"
    kind = "live"
    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "work")
    operator_extra_links = (RunLink(),)

    def __init__(self, *, work: Any, **kwargs: Any) -> None:
        """Take the gate's answer as `work`; without one, as when the task runs alone, the operator asks the gate."""
        super().__init__(**kwargs)
        self.work = work

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Submit, wait, and read the summary that the run has left in `etl.run`."""
        from web_traffic.warehouse.ledger import run_summary
        from web_traffic_airflow.tasks import ask_gate

        dag_run = context["dag_run"]
        name = run_name(dag_run.dag_id, dag_run.run_id)
        work = self.work or asdict(ask_gate(context["params"]))
        java_options = SMALL_RUN if work["lag"] < SMALL_LAG else LARGE_RUN
        self.submit(context, name, _flags(context["params"]), java_options)
        with open_database() as connection:
            summary = run_summary(connection, name)
        if summary is None or summary["status"] != "succeeded":
            raise RuntimeError(f"spark-submit succeeded, but etl.run has no closed books of run {name}: {summary}")
        return summary


def _flags(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that hold for this run alone, from the form of a manual run."""
    return {name.upper(): str(params[name]).lower() for name in ("rebuild_checkpoint", "accept_data_loss")}
