"""A recount of one window: cheap enough for every run."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import psycopg

from web_traffic.errors import RecountImpossible
from web_traffic.intervals import Interval
from web_traffic.recount.counting import FIRST_KAFKA_MS, tally
from web_traffic.recount.rules import Window, microseconds
from web_traffic.recount.topic import offset_ranges, read_topic
from web_traffic.recount.warehouse import as_batch, rejected_times
from web_traffic.settings import Settings
from web_traffic.statements import statements_beside

statement = statements_beside(__name__)
MOST_RECORDS = 200_000
"""Offsets that a sample may read: about two seconds."""


def recount_window(
    settings: Settings,
    connection: psycopg.Connection[Any],
    topic_id: str,
    interval: Interval,
    first_offsets: Mapping[str, int],
) -> Counter[Window]:
    """Count the hits of a sealed window again from the topic.

    `first_offsets` are the offsets, by partition, from which records can belong to the window if all have a Kafka
    timestamp: earlier records were sent before it began, less the clock skew. All of the query's batches up to the one
    that closed the window take part: in none of them was the window late. Raises `RecordsMissing` if Kafka no longer
    holds the records, and `RecountImpossible` if they are too many or Kafka does not answer.
    """
    about = {"window_start": interval.start, "window_end": interval.end, "skew": settings.max_clock_skew}
    with connection.transaction():
        rows = connection.execute(statement("window_batches"), about).fetchall()
    batches = [as_batch(*row) for *row, _ in rows]
    if any(oldest_ms is None or oldest_ms < FIRST_KAFKA_MS for *_, oldest_ms in rows):
        first_offsets = {}  # a record may have no timestamp
    ranges = {
        partition: (min(max(start, first_offsets.get(str(partition), 0)), end), end)
        for partition, (start, end) in offset_ranges(batches).items()
    }
    offsets = sum(end - start for start, end in ranges.values())
    if offsets > MOST_RECORDS:
        raise RecountImpossible(f"{offsets:,} offsets are too many for a sample (the limit is {MOST_RECORDS:,})")
    with connection.transaction():
        rejected_us = rejected_times(connection, topic_id, ranges)
    skew_us = settings.max_clock_skew // timedelta(microseconds=1)
    tallies = tally(read_topic(settings, ranges), batches, skew_us, rejected_us)
    start_us = microseconds(interval.start)
    hits: Counter[Window] = Counter()
    for counted in tallies:
        hits.update({window: number for window, number in counted.hits.items() if window.start_us == start_us})
    return hits
