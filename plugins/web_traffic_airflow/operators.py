"""Operators: thin shells round spark-submit and the quality checks."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import BaseHook, BaseOperator, Context
from airflow.sdk.exceptions import AirflowException

from web_traffic.errors import EXIT_NEEDS_ATTENTION, NeedsAttention
from web_traffic.faults import fault_point
from web_traffic_airflow.connections import POSTGRES, SPARK, job_environment
from web_traffic_airflow.links import PageLink

SMALL_LAG = 200_000
"""Offsets below which a run ends before the optimising compiler (C2) and a parallel collector have paid off."""
SMALL_RUN = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
LARGE_RUN = "-XX:+UseParallelGC"
GRACE_SECONDS = 3
"""Airflow kills a task 5 s after it has asked it to end."""


class AggregateOperator(SparkSubmitOperator):
    """Run `web_traffic.jobs.aggregate` by spark-submit and return the run's summary.

    `spark_default` says where (master, deploy mode) and with which properties file (`properties-file` in its extra).
    Addresses and the password reach the application through the environment of the process, never through arguments.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "work")
    operator_extra_links = (PageLink(),)

    def __init__(self, *, work: Any, application: str, **kwargs: Any) -> None:
        """Take in `work` what the gate has returned, and in `application` the path of the script."""
        super().__init__(application=application, conn_id=SPARK, name="web_traffic", **kwargs)
        self.work = work

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Submit, wait, and read the summary that the run has left in `etl.run`."""
        from web_traffic.warehouse.ledger import run_summary

        run_name = context["run_id"]
        self.properties_file = BaseHook.get_connection(SPARK).extra_dejson.get("properties-file")
        self.conf = {"spark.driver.extraJavaOptions": SMALL_RUN if self.work["lag"] < SMALL_LAG else LARGE_RUN}
        os.environ.update(job_environment(run_name=run_name) | _flags(context["params"]))
        self._submit()
        fault_point("submitted")
        with PostgresHook(POSTGRES).get_conn() as connection:
            summary = run_summary(connection, run_name)
        if summary is None or summary["status"] != "succeeded":
            raise RuntimeError(f"spark-submit ended well, but etl.run has no books of the run {run_name}: {summary}")
        return summary

    def on_kill(self) -> None:
        """End spark-submit with all that it has started: politely, then, before Airflow loses patience, for good."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)

    def _submit(self) -> None:
        self._hook = self._get_hook()
        try:
            self._hook.submit(self.application, start_new_session=True)
        except AirflowException as error:
            if self._process and self._process.returncode == EXIT_NEEDS_ATTENTION:
                raise NeedsAttention(str(error)) from error
            raise

    @property
    def _process(self) -> subprocess.Popen[str] | None:
        return self._hook._submit_sp if self._hook else None  # noqa: SLF001  the hook has no public name for it


def _flags(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that hold for this run alone, from the form of a manual run."""
    return {name.upper(): str(params[name]).lower() for name in ("rebuild_checkpoint", "accept_data_loss")}


class QualityOperator(BaseOperator):
    """Check the result table and the books; fails at once, without retries, and names the rules that failed."""

    def __init__(self, *, conn_id: str = POSTGRES, **kwargs: Any) -> None:
        """Take the connection of the database to check."""
        super().__init__(**kwargs, retries=0)
        self.conn_id = conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002  Airflow's signature
        """Run all rules; the results go to XCom."""
        from web_traffic.quality.rules import RULES
        from web_traffic.quality.runner import check

        with PostgresHook(self.conn_id).get_conn() as connection:
            results = check(connection, RULES)
        for result in results:
            self.log.info("%s", result)
        if failed := [result for result in results if result.offenders]:
            raise QualityError("; ".join(str(result) for result in failed))
        return [{"rule": result.rule.name, "offenders": result.offenders} for result in results]


class QualityError(NeedsAttention):
    """Rules that do not hold, each with a sample of its offenders."""
