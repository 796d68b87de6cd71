"""Closing the books of a run: every record of its batches is accounted for."""

import time
from dataclasses import replace
from typing import Any
from uuid import UUID

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from web_traffic.checkpoint import Batch, Checkpoint
from web_traffic.kafka import Topic
from web_traffic.settings import Settings
from web_traffic.source import FIGURES, decode_records, read_batch
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.history import LastRecords
from web_traffic.warehouse.ledger import Observed, RunLedger, Summary
from web_traffic.warehouse.rejected import rejected_earlier


def close_books(
    spark: SparkSession,
    settings: Settings,
    query: StreamingQuery,
    topic: Topic,
    run: RunLedger,
    last_records: LastRecords,
    phases: dict[str, float],
) -> Summary:
    """Close the books over all batches since the last closed books: this run's, and those of runs that were killed.

    If they do not add up, the records are counted again: an accumulator of Spark may count a retried stage twice.
    """
    began = time.monotonic()
    query_id, checkpoint = UUID(query.id), Checkpoint(settings.checkpoint_location)
    last_closed, open_before = run.last_closed(query_id)
    newest = checkpoint.newest_committed()
    batch_ids = range(last_closed + 1, (-1 if newest is None else newest) + 1)
    open_after = open_hits(spark, checkpoint, batch_ids[-1]) if batch_ids else open_before

    observed = {batch.batch_id: batch for batch in observed_batches(query)}

    def counted_again(batch_id: int) -> Observed:
        counted = count_again(spark, settings, topic, checkpoint.batch(batch_id))
        return replace(counted, dropped_rows=observed[batch_id].dropped_rows) if batch_id in observed else counted

    def close(batches: list[Observed]) -> Summary:
        phases["books"] = round(time.monotonic() - began, 3)
        return run.close(query_id, batches, open_before, open_after, checkpoint.has_work(), last_records, phases)

    summary = close([observed.get(batch_id) or counted_again(batch_id) for batch_id in batch_ids])
    return summary if adds_up(summary) else close([counted_again(batch_id) for batch_id in batch_ids])


def adds_up(summary: Summary) -> bool:
    """Whether the books leave no negative remainder, and something was late exactly if Spark dropped rows."""
    late, dropped_rows = summary["late"], summary["dropped_rows"]
    return late >= 0 and (dropped_rows is None or (late == 0) == (dropped_rows == 0))


def observed_batches(query: StreamingQuery) -> list[Observed]:
    """Return what Spark observed of each batch that the query brought to its end."""
    return [
        Observed(
            batch_id=progress.batchId,
            read=progress.numInputRows,
            dropped_rows=sum(operator.numRowsDroppedByWatermark for operator in progress.stateOperators),
            **_figures(progress.observedMetrics["decoded"]),
        )
        for progress in query.recentProgress
        if progress.observedMetrics
    ]


def count_again(spark: SparkSession, settings: Settings, topic: Topic, batch: Batch) -> Observed:
    """Count the records of a committed batch again, and judge them as the batch did."""
    with connect(settings) as connection:
        rejected = rejected_earlier(connection, topic.id, batch.start_offsets, batch.planned_at)
    records = read_batch(spark, settings, batch)
    decoded = decode_records(records, settings, topic.id, rejected, batch.planned_at)
    read = F.coalesce(F.sum(F.expr("hits + rejected + future")), F.lit(0)).alias("read")
    [counted] = decoded.agg(read, *(F.expr(figure).alias(name) for name, figure in FIGURES.items())).collect()
    return Observed(batch.batch_id, counted["read"], dropped_rows=None, **_figures(counted))


def _figures(counted: Row) -> dict[str, Any]:
    """Return the observed figures of a batch; without a record Spark observes none, and counts are 0."""
    found = {name: counted[name] for name in FIGURES}
    return found | {name: found[name] or 0 for name in ("rejected", "future")}


def open_hits(spark: SparkSession, checkpoint: Checkpoint, batch_id: int) -> int:
    """Count the hits in open windows after a batch, in the state store itself."""
    state = spark.read.format("statestore").option("batchId", batch_id).load(checkpoint.location)
    (total,) = state.agg(F.coalesce(F.sum("value.sum"), F.lit(0))).collect()
    return int(total[0])
