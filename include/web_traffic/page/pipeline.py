"""The view Pipeline: lag, delay, and each run with its books."""

from datetime import timedelta
from typing import Any

from web_traffic.kafka import describe_topic
from web_traffic.page.asking import Connection, Row, ask, closing_state, reading
from web_traffic.page.ranges import Range
from web_traffic.settings import Settings

LISTED = 50
SAME_NAME = 10


def pipeline(connection: Connection, within: Range, name: str = "", before: int | None = None) -> dict[str, Any]:
    """Return the data of Pipeline. Runs called `name` come apart; with `before` the list begins after that run."""
    state = closing_state(connection)
    any_name: dict[str, Any] = {"name": None, "kind": "live", "before": before, "listed": LISTED + 1}
    runs = ask(connection, "runs", **within.parameters(), **any_name)
    return {
        **state,
        "start": within.start,
        "end": within.end,
        "bucket_seconds": within.bucket / timedelta(seconds=1),
        "lag": ask(connection, "lag_per_bucket", **within.parameters()),
        "delay": ask(connection, "delay_per_bucket", **within.parameters()),
        "named": runs_called(connection, name) if name else [],
        "runs": runs[:LISTED],
        "more_before": runs[LISTED - 1]["run_id"] if len(runs) > LISTED else None,
    }


def runs_called(connection: Connection, name: str, kind: str | None = None) -> list[Row]:
    """Return the newest runs of a name, of any time: the first try and its retries."""
    ever = {"range_start": "-infinity", "range_end": "infinity", "before": None, "listed": SAME_NAME}
    return ask(connection, "runs", name=name, kind=kind, **ever)


def lag(settings: Settings) -> dict[str, Any]:
    """Return how far the newest committed batch is behind the broker now, by partition.

    Raises `web_traffic.errors.KafkaUnavailable` or `TopicMissing`, and what `reading` raises.
    """
    with reading(settings) as connection:
        newest = ask(connection, "newest_batch")
    topic = describe_topic(settings)
    read_to = newest[0]["end_offsets"] if newest else {}
    partitions = []
    for partition, end in sorted(topic.end_offsets.items(), key=lambda item: int(item[0])):
        reached = max(read_to.get(partition, 0), topic.first_offsets[partition])
        figures = {"end": end, "read_to": reached, "lag": max(end - reached, 0), "waiting": topic.waiting[partition]}
        partitions.append({"partition": int(partition), **figures})
    return {
        "topic": topic.name,
        "partitions": partitions,
        "lag": sum(partition["lag"] for partition in partitions),
        "planned_at": newest[0]["planned_at"] if newest else None,
    }
