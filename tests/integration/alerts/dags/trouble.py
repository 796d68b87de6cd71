"""DAGs that fail as they are told to."""

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from web_traffic.errors import NeedsAttention
from web_traffic.quality.rules import DQRule
from web_traffic_airflow.alerts import DAG_ALERTS, TASK_ALERTS
from web_traffic_airflow.quality import QualityOperator

SQL = Path(__file__).parent / "sql"


@task
def work(params: dict[str, Any] | None = None) -> None:
    """Do what the run was triggered for."""
    match (params or {})["how"]:
        case "fail":
            raise RuntimeError('it broke: password=swordfish, event {"host": "private.example"}\nsecond line')
        case "needs attention":
            raise NeedsAttention("turn the key")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)


for name, retries in (("trouble", 0), ("trouble_retried", 1)):
    with DAG(
        name,
        schedule=None,
        is_paused_upon_creation=False,
        params={"how": "well"},
        default_args={"retries": retries, "retry_delay": timedelta(seconds=1), **TASK_ALERTS},
        **DAG_ALERTS,
    ):
        work()

with DAG("trouble_in_a_table", schedule=None, is_paused_upon_creation=False, default_args=TASK_ALERTS, **DAG_ALERTS):
    QualityOperator(
        task_id="check",
        table="fruit",
        rules=[
            DQRule("ripe", "validity", "error", "Fruit is ripe", "no green fruit", file=SQL / "ripe.sql"),
            DQRule("enough", "volume", "warn", "There is fruit", "2 or more", limit=2, file=SQL / "enough.sql"),
        ],
        retries=2,
    )
