"""OpenLineage: what a run has read and written, with the figures of its books.

Airflow's OpenLineage provider asks the operators, if it is installed, and sends the answer. Spark's own listener can't
see the topic of this stream nor the table that it writes.
"""

from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseHook

from web_traffic_airflow.connections import POSTGRES, job_settings, open_database
from web_traffic_airflow.naming import run_name

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset

KAFKA_PORT = 9092
"""Of a server that is named without one, as Kafka's clients take it."""
RESULT, REJECTED = "public.aggregated_web_traffic", "etl.rejected_event"


def of_run(task_instance: Any, kind: Literal["live", "restate"]) -> "OperatorLineage[Any, Any]":
    """Return the topic as input and the tables as outputs; without figures if the run has no closed books."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    from web_traffic.warehouse.ledger import run_summary

    name = run_name(task_instance.dag_id, task_instance.run_id)
    with open_database() as connection:
        books = run_summary(connection, name, kind)
    books = books if books and books["status"] == "succeeded" else {}
    if kind == "restate":
        written = [] if books.get("dry_run") else [_written(RESULT, books.get("windows_changed"))]
        return OperatorLineage(inputs=[_topic(None)], outputs=written)
    rejected = books["rejected"] + books["future"] if books else None
    outputs = [_written(RESULT, books.get("windows")), _written(REJECTED, rejected)]
    return OperatorLineage(inputs=[_topic(books.get("read"))], outputs=outputs)


def of_check(task_instance: Any) -> "OperatorLineage[Any, Any]":
    """Return the result table as input, with the outcome of each rule that found something to check."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    from web_traffic.quality.runner import kept

    with open_database() as connection:
        results = kept(connection, run_name(task_instance.dag_id, task_instance.run_id))
    assertions = [
        quality.Assertion(
            assertion=result.rule,
            success=result.status == "passed",
            severity=result.severity,
            name=result.rule,
            expected=result.condition,
            actual=None if result.observed is None else str(result.observed),
        )
        for result in results
        if result.status != "nothing to check"
    ]
    checked = InputDataset(*_table(RESULT))
    checked.inputFacets = {"dataQualityAssertions": quality.DataQualityAssertionsDatasetFacet(assertions=assertions)}
    return OperatorLineage(inputs=[checked])


def _topic(rows: int | None) -> "InputDataset":
    from openlineage.client.event_v2 import InputDataset
    from openlineage.client.facet_v2 import input_statistics_input_dataset as statistics
    from openlineage.client.naming.dataset import Kafka

    settings = job_settings()
    server = settings.kafka_url.partition(",")[0]
    host, _, port = (server if ":" in server else f"{server}:{KAFKA_PORT}").rpartition(":")
    naming = Kafka(host, port, settings.kafka_topic)
    topic = InputDataset(naming.get_namespace(), naming.get_name())
    if rows is not None:
        topic.inputFacets = {"inputStatistics": statistics.InputStatisticsInputDatasetFacet(rowCount=rows)}
    return topic


def _written(table: str, rows: int | None) -> "OutputDataset":
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    written = OutputDataset(*_table(table))
    if rows is not None:
        written.outputFacets = {"outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows)}
    return written


def _table(name: str) -> tuple[str, str]:
    """Return namespace and name of a table, by the address that the connection has."""
    from openlineage.client.naming.dataset import Postgres

    database = BaseHook.get_connection(POSTGRES)
    schema, table = name.split(".")
    naming = Postgres(
        (database.host or "").partition(",")[0], str(database.port or 5432), database.schema or "", schema, table
    )
    return naming.get_namespace(), naming.get_name()
