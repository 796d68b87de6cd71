"""Observes the topic for the rules of `aggregated_web_traffic`, which see only the database."""

import logging
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from web_traffic.errors import RecordsMissing, RecountImpossible
from web_traffic.intervals import Interval
from web_traffic.kafka import Topic, describe_topic, find_since, timestamps_at
from web_traffic.kafka_time import milliseconds
from web_traffic.quality.runner import Scope
from web_traffic.recount.rules import Hit, classify, written
from web_traffic.recount.sample import recount_window
from web_traffic.recount.topic import read_topic
from web_traffic.settings import Settings
from web_traffic.statements import statements_beside
from web_traffic.window_length import WINDOW, window_start

statement = statements_beside(__name__)
log = logging.getLogger(__name__)

NEWEST_WINDOWS = 24
"""How many windows of a check are compared with the topic: two hours."""
TAIL = 100
"""How many last records of a partition are searched for the newest event: events come a little out of order."""


def run_scope(settings: Settings, connection: psycopg.Connection[Any]) -> Scope:
    """Return the scope of a check of `aggregated_web_traffic`: the newest run, its windows, and facts about the topic.

    Changes nothing. Raises `KafkaUnavailable` or `TopicMissing` if the topic can't be read.
    """
    with connection.transaction():
        [(run_id, since, until)] = connection.execute(statement("run_scope"), {"window_length": WINDOW}).fetchall()
    topic = describe_topic(settings)
    observed: dict[str, Any] = {"end_offsets": topic.end_offsets, "waiting": _waiting(settings, topic)}
    if newest_event_at := _newest_event_at(settings, topic):
        observed["newest_event_at"] = newest_event_at
    if windows := list(_newest_windows(since, until)):
        observed |= _observe_windows(settings, connection, topic, windows, seed=run_id)
    return Scope(settings.run_name, run_id, since, until, observed)


def _waiting(settings: Settings, topic: Topic) -> dict[str, Any]:
    """Return how many records wait behind an open transaction, and since when, by partition."""
    behind = {partition: topic.end_offsets[partition] for partition, records in topic.waiting.items() if records}
    if not behind:
        return {}
    return {
        partition: {"records": topic.waiting[partition], "since": at and at.isoformat()}
        for partition, at in timestamps_at(settings, behind).items()
    }


def _newest_event_at(settings: Settings, topic: Topic) -> str | None:
    """Return the newest event time at the end of the topic, by the rules of the recount."""
    ranges = {
        int(partition): (max(topic.first_offsets[partition], end - TAIL), end)
        for partition, end in topic.end_offsets.items()
    }
    now_us, skew_us = time.time_ns() // 1000, settings.max_clock_skew // timedelta(microseconds=1)
    verdicts = (classify(record.value, record.reached_us(now_us) + skew_us) for record in read_topic(settings, ranges))
    newest_us = max((verdict.event_us for verdict in verdicts if isinstance(verdict, Hit)), default=None)
    return None if newest_us is None else written(newest_us)


def _newest_windows(since: datetime | None, until: datetime | None) -> Iterator[datetime]:
    """Yield the starts of the last windows that end after `since` and not after `until`."""
    if since is None or until is None:
        return
    end = window_start(until)
    for _ in range(NEWEST_WINDOWS):
        if end <= since:
            return
        end -= WINDOW
        yield end


def _observe_windows(
    settings: Settings, connection: psycopg.Connection[Any], topic: Topic, windows: list[datetime], seed: int
) -> dict[str, Any]:
    """Count the topic's records by window, and recount one of the windows."""
    boundaries = [windows[-1], *(window + WINDOW for window in reversed(windows))]
    totals = [
        sum(one.offset for one in found.values())
        for found in find_since(settings, topic, map(milliseconds, boundaries))
    ]
    records = {
        start.isoformat(): end - begin
        for start, begin, end in zip(boundaries[:-1], totals[:-1], totals[1:], strict=True)
    }
    observed: dict[str, Any] = {"records_by_window": records}
    sampled_window = random.Random(seed).choice(windows)  # noqa: S311  a retry takes the same
    [found] = find_since(settings, topic, [milliseconds(sampled_window - settings.max_clock_skew)])
    first_offsets = {partition: one.offset for partition, one in found.items()}
    sampled = Interval(sampled_window, sampled_window + WINDOW)
    try:
        hits = recount_window(settings, connection, topic.id, sampled, first_offsets)
    except (RecountImpossible, RecordsMissing) as error:
        log.info("window %s is not recounted: %s", sampled_window, error)
        return observed
    rows = [window._asdict() | {"num_hits": number} for window, number in hits.items()]
    return observed | {"sampled_window": sampled_window.isoformat(), "recount": rows}
