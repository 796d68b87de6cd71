"""DAGs that fail on demand, beside the project's own, whose runs do not disturb."""

from collections.abc import Iterator

import pytest

from local_stack import Stack
from local_stack.rest import AirflowApi, airflow_api
from tests.faults.stopped import wait_until
from tests.integration.alerts.observe import Inbox
from tests.pipeline import Pipeline
from tests.whole_stack import FirstRun, paused

TROUBLE = ("trouble", "trouble_retried", "trouble_in_a_table")


@pytest.fixture(scope="package")
def warehouse(traffic: Pipeline, first_run: FirstRun) -> Pipeline:
    """Return the pipeline of Airflow's DAG, with its schema, and a table of somebody else."""
    with traffic.owner() as connection:
        connection.execute("CREATE TABLE public.fruit (name text, color text)")
        connection.execute("GRANT ALL ON public.fruit TO web_traffic_writer")
    return traffic


@pytest.fixture
def api(stack: Stack, warehouse: Pipeline) -> Iterator[AirflowApi]:
    """Log in while the project's own DAG is paused; what the test has opened is over and sent at the end."""
    [(before,)] = warehouse.query("SELECT coalesce(max(alert_id), 0) FROM etl.alert")
    with airflow_api(stack) as api, paused(api):
        for dag_id in TROUBLE:
            api.unpause(dag_id)
        yield api
    still = f"SELECT key FROM etl.alert WHERE alert_id > {before} AND (resolved_at IS NULL OR unsent <> '{{}}')"
    wait_until(lambda: warehouse.query(still) == [], "no incident is open, and all is sent", 60)


@pytest.fixture
def inbox(stack: Stack) -> Inbox:
    return Inbox(stack.mail_folder)
