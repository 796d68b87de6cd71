"""From decoded events to hits per window: pure DataFrame to DataFrame, streaming or bounded."""

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from web_traffic.events import KEYS
from web_traffic.window_length import WINDOW_MINUTES

WATERMARK = timedelta(minutes=1)
WATERMARK_DELAY = f"{WATERMARK // timedelta(minutes=1)} minute"
"""How long a window stays open after its end, in event time, for events that come out of order."""

HIT_COLUMNS = {
    "window_start": "timestamptz",
    "window_end": "timestamptz",
    **dict.fromkeys(KEYS, "text"),
    "num_hits": "int8",
}
"""The columns of a closed window with their types in PostgreSQL; the hits are the last one."""


def count_hits(hits: DataFrame) -> DataFrame:
    """Sum pre-counted hits (`precount.COUNTS`) by window of event time, host and referrer, as `HIT_COLUMNS`.

    On a stream in append mode a window comes out once, when the watermark (the newest event time of the batches
    before, less `WATERMARK_DELAY`) has reached its end; hits of a window that the watermark has passed are dropped.
    """
    window_start, window_end, *others = HIT_COLUMNS
    return (
        hits.where(F.col("event_time").isNotNull())
        .withWatermark("event_time", WATERMARK_DELAY)
        .groupBy(F.window("event_time", f"{WINDOW_MINUTES} minutes").alias("window"), *KEYS)
        .agg(F.sum("hits").alias("num_hits"))
        .select(F.col("window.start").alias(window_start), F.col("window.end").alias(window_end), *others)
    )
