"""Operators that check the quality of a table."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from web_traffic.errors import NeedsAttention
from web_traffic_airflow.alerts import report_warnings
from web_traffic_airflow.connections import POSTGRES, job_settings, open_database
from web_traffic_airflow.naming import run_name

if TYPE_CHECKING:
    import psycopg

    from web_traffic.quality.rules import DQRule
    from web_traffic.quality.runner import Scope


_LEVELS = {"failed": logging.ERROR, "warned": logging.WARNING}


class QualityError(NeedsAttention, AirflowFailException):
    """Rules that do not hold, each with its figures; the log has a sample of the offenders. It is never retried."""


class QualityOperator(BaseOperator):
    """Check a table by rules, keep each result in `etl.quality_result`, and fail without a retry if one is an error.

    The rules' queries see the data interval of the DAG run as `since` and `until`. They run as the login of `conn_id`,
    which may be any PostgreSQL database; the results are kept where `postgres_default` points to.
    """

    def __init__(self, *, table: str, rules: "Sequence[DQRule]" = (), conn_id: str = POSTGRES, **kwargs: Any) -> None:
        """Take the name under which results are kept, the rules, and the connection of the table's database."""
        super().__init__(**kwargs)
        self.table = table
        self.rules = rules
        self.conn_id = conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Run all rules in one round trip; the outcome goes to XCom. Raises `QualityError` after all is kept."""
        from web_traffic.quality.runner import check, keep

        with open_database(self.conn_id) as connection:
            scope = self.scope(context, connection)
            results = check(connection, self.rules, scope)
        with open_database() as connection:
            keep(connection, self.table, results, scope)
        for result in results:
            self.log.log(_LEVELS.get(result.status, logging.INFO), "%s", result)
        report_warnings(context, self.table, results)
        if failed := [result.headline for result in results if result.status == "failed"]:
            raise QualityError(f"{self.table}: {'; '.join(failed)}: see etl.quality_result")
        return [{"rule": result.rule.name, "status": result.status} for result in results]

    def scope(self, context: Context, connection: "psycopg.Connection[Any]") -> "Scope":  # noqa: ARG002  for subclasses
        """Return what the check is about: here the DAG run's data interval."""
        from web_traffic.quality.runner import Scope

        run = context["dag_run"]
        name = run_name(run.dag_id, run.run_id)
        return Scope(name, since=run.data_interval_start, until=run.data_interval_end)


class WebTrafficQualityOperator(QualityOperator):
    """Check the newest run, its windows and the topic by `web_traffic.quality.rules.RULES`.

    A run that has restated windows checks only these, by `WINDOW_RULES`: live runs have their own checks meanwhile.
    """

    template_fields: Sequence[str] = ("restated",)
    is_about_windows = True
    ends_run = True
    """Whether a run that has come so far did its work: the task `publish` behind it may be skipped."""

    def __init__(self, *, restated: Any = None, **kwargs: Any) -> None:
        """Take the summary of the run's restatement, if it made one."""
        super().__init__(table="aggregated_web_traffic", **kwargs)
        self.restated = restated

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Run all rules; raises `QualityError`. After a dry run there is nothing to check."""
        from web_traffic.quality.rules import RULES, WINDOW_RULES

        if self.restated and self.restated["dry_run"]:
            raise AirflowSkipException("a dry run has changed nothing")
        self.rules = WINDOW_RULES if self.restated else RULES
        return super().execute(context)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Tell Airflow's OpenLineage provider which rules the table has passed; it also asks if the task failed."""
        from web_traffic_airflow.lineage import of_check

        return of_check(task_instance)

    def scope(self, context: Context, connection: "psycopg.Connection[Any]") -> "Scope":
        """Return the newest run, the windows that it has closed or restated, and what is in the topic."""
        from web_traffic.quality.runner import Scope
        from web_traffic.quality.topic import run_scope

        run = context["dag_run"]
        name = run_name(run.dag_id, run.run_id)
        if self.restated:
            since, until = (datetime.fromisoformat(self.restated[end]) for end in ("restate_from", "restate_to"))
            return Scope(name, self.restated["run_id"], since, until)
        return run_scope(job_settings(run_name=name), connection)
