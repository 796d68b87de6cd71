"""A whole stack of its own, with DAGs that fail on demand beside the project's own."""

import json
import shutil
from collections.abc import Iterator

import pytest

from local_stack import Stack, airflow, running
from local_stack.environment import REPO
from local_stack.rest import AirflowApi, airflow_api
from local_stack.spark import submit_environment
from tests.faults.stopped import wait_until
from tests.homes import fresh_home
from tests.integration.alerts.observe import TROUBLE, Inbox
from tests.pipeline import Pipeline
from web_traffic.kafka import ensure_topic
from web_traffic.warehouse.migrate import migrate

FOLDERS = {"dags-folder": REPO / "dags", "trouble": TROUBLE}
BUNDLES = [
    {
        "name": name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder)},
    }
    for name, folder in FOLDERS.items()
]
PROGRAMS = ("postgres", "kafka", "mail", "airflow")


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Return the stack; it runs all but the watchdog."""
    own_environment = airflow.environment

    def environment(stack: Stack) -> dict[str, str]:
        return own_environment(stack) | {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES)}

    home = fresh_home("alerts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(airflow, "environment", environment)
        with running(Stack.create(home), *PROGRAMS) as stack:
            yield stack
    shutil.rmtree(home)


@pytest.fixture(scope="package")
def warehouse(stack: Stack) -> Pipeline:
    """Return the pipeline of the stack, with its schema, its topic and a table of somebody else."""
    pipeline = Pipeline(submit_environment(stack), stack.secrets.postgres_owner)
    ensure_topic(pipeline.settings)
    with pipeline.owner() as connection:
        migrate(connection)
        connection.execute("CREATE TABLE public.fruit (name text, color text)")
        connection.execute("GRANT ALL ON public.fruit TO web_traffic_writer")
    return pipeline


@pytest.fixture
def api(stack: Stack, warehouse: Pipeline) -> Iterator[AirflowApi]:
    with airflow_api(stack) as api:
        for dag_id in ("trouble", "trouble_retried", "trouble_in_a_table"):
            api.unpause(dag_id)
        yield api
    still = "SELECT key FROM etl.alert WHERE resolved_at IS NULL OR unsent <> '{}'"
    wait_until(lambda: warehouse.query(still) == [], "no incident is open, and all is sent", 60)


@pytest.fixture
def inbox(stack: Stack) -> Inbox:
    return Inbox(stack.mail_folder)
