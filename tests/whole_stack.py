"""The whole stack with Airflow, and the run that the schedule makes first; shared by all tests that need them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local_stack import Stack, up
from local_stack.rest import airflow_api
from local_stack.spark import submit_environment
from tests.faults.stopped import wait_until
from tests.pipeline import Pipeline
from web_traffic.kafka import ensure_topic
from web_traffic.traffic import Truth

DAG = "web_traffic"
LIMIT_SECONDS = 180


@dataclass
class FirstRun:
    """The run that the schedule made, and the truth about the traffic that it found."""

    run_id: str
    truth: Truth


def start_airflow(stack: Stack) -> Pipeline:
    """Start Airflow, and return the pipeline that its DAG feeds."""
    up(stack, "mail", "airflow")
    pipeline = Pipeline(submit_environment(stack), stack.secrets.postgres_owner)
    ensure_topic(pipeline.settings)
    return pipeline


def make_first_run(stack: Stack, traffic: Pipeline) -> FirstRun:
    """Send an hour of traffic that ends now, and let the schedule run the DAG for the first time."""
    end = datetime.now(UTC)
    truth = traffic.produce_traffic(20_000, seed=11, start=end - timedelta(hours=1), end=end)
    with airflow_api(stack) as api:
        api.unpause(DAG)
        wait_until(lambda: bool(api.runs(DAG)), "a scheduled run", LIMIT_SECONDS)
        run_id = api.runs(DAG)[-1]["dag_run_id"]
        api.wait_for_run(DAG, run_id, LIMIT_SECONDS)
    return FirstRun(run_id, truth)
