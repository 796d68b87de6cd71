"""The settings that the DAGs share; a DAG file adds its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

from web_traffic_airflow.alerts import DAG_ALERTS, TASK_ALERTS
from web_traffic_airflow.retries import BY_CAUSE

DAG_DEFAULTS: dict[str, Any] = {
    "start_date": datetime(2026, 1, 1, tzinfo=UTC),
    "catchup": False,
    "default_args": {
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "retry_policy": BY_CAUSE,
        "execution_timeout": timedelta(minutes=5),
        **TASK_ALERTS,
    },
    **DAG_ALERTS,
    "tags": ["web-traffic"],
}
"""For every DAG: Airflow starts no past run on its own, each task has a time limit, and failures are reported."""

SPARK_TASK: dict[str, Any] = {"execution_timeout": timedelta(hours=1), "max_active_tis_per_dag": 1}
"""For a task that starts Spark: it may take longer, and only one runs at a time in its DAG."""
