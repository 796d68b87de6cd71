"""DAGs that work on the result of `web_traffic`: on each complete hour, each complete day, and each restated hour.

Copy what you need to your own DAG folder. A run has the start of its hour or day as its partition key, in UTC.
"""

from datetime import timedelta

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, task

HITS = """
    SELECT coalesce(sum(num_hits), 0)::bigint FROM aggregated_web_traffic
    WHERE window_start >= %(start)s::timestamp AT TIME ZONE 'UTC'
    AND window_start < (%(start)s::timestamp + %(length)s) AT TIME ZONE 'UTC'
"""


@task
def count_hits(length: timedelta, *, partition_key: str | None = None) -> int:
    """Return the hits of the hour or day that the run is about."""
    [hits] = PostgresHook("postgres_reader").get_first(HITS, {"start": partition_key, "length": length})
    return int(hits)


for dag_id, asset, length in (
    ("on_complete_hour", Asset("web_traffic_hours"), timedelta(hours=1)),
    ("on_complete_day", Asset("web_traffic_days"), timedelta(days=1)),
    ("on_restated_hour", Asset("web_traffic_restated_hours"), timedelta(hours=1)),
):
    with DAG(
        dag_id,
        schedule=PartitionedAssetTimetable(assets=asset),
        is_paused_upon_creation=False,  # what is announced to a paused DAG is lost to it
        tags=["web-traffic", "example"],
    ):
        count_hits(length)
