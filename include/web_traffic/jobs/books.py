"""Closing the books of a run: every record of its batches is accounted for."""

import time
from uuid import UUID

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from web_traffic.checkpoint import Batch, Checkpoint
from web_traffic.kafka import Topic
from web_traffic.settings import Settings
from web_traffic.source import decode_records, read_batch
from web_traffic.warehouse.ledger import Observed, RunLedger, Summary


def close_books(
    spark: SparkSession,
    settings: Settings,
    query: StreamingQuery,
    topic: Topic,
    run: RunLedger,
    phases: dict[str, float],
) -> Summary:
    """Close the books over all batches since the last closed books: this run's, and those of runs that were killed."""
    began = time.monotonic()
    query_id, checkpoint = UUID(query.id), Checkpoint(settings.checkpoint_location)
    last_closed, open_before = run.last_closed(query_id)
    newest = checkpoint.newest_committed()
    observed = {batch.batch_id: batch for batch in observed_batches(query)}
    batches = [
        observed.get(batch_id) or count_again(spark, settings, topic, checkpoint.batch(batch_id))
        for batch_id in range(last_closed + 1, (-1 if newest is None else newest) + 1)
    ]
    open_after = open_hits(spark, checkpoint, batches[-1].batch_id) if batches else open_before
    phases["books"] = round(time.monotonic() - began, 3)
    return run.close(query_id, batches, open_before, open_after, phases)


def observed_batches(query: StreamingQuery) -> list[Observed]:
    """Return what Spark observed of each batch that the query brought to its end."""
    return [
        Observed(
            batch_id=progress.batchId,
            read=progress.observedMetrics["records"]["read"],
            rejected=progress.observedMetrics["decoded"]["rejected"] or 0,
            future=progress.observedMetrics["decoded"]["future"] or 0,
            dropped_rows=sum(operator.numRowsDroppedByWatermark for operator in progress.stateOperators),
        )
        for progress in query.recentProgress
        if progress.observedMetrics
    ]


def count_again(spark: SparkSession, settings: Settings, topic: Topic, batch: Batch) -> Observed:
    """Count a batch that was committed by a run which did not come to its books."""
    records = read_batch(spark, settings, batch)
    decoded = decode_records(records, settings, topic.id, batch.planned_at)
    sums = (
        F.coalesce(F.sum(column), F.lit(0)) for column in (F.expr("hits + rejected + future"), "rejected", "future")
    )
    [(read, rejected, future)] = decoded.agg(*sums).collect()
    return Observed(batch.batch_id, read, rejected, future, dropped_rows=None)


def open_hits(spark: SparkSession, checkpoint: Checkpoint, batch_id: int) -> int:
    """Count the hits in open windows after a batch, in the state store itself."""
    state = spark.read.format("statestore").option("batchId", batch_id).load(str(checkpoint.folder))
    (total,) = state.agg(F.coalesce(F.sum("value.sum"), F.lit(0))).collect()
    return int(total[0])
