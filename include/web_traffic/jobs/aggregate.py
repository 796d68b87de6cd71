"""Spark application of the live run: the topic's new records become closed windows in PostgreSQL.

Started by the DAG `web_traffic`, or by hand with `spark-submit` and the environment of `settings.Settings`. It
processes the records that are there when it starts, prints its summary as one line of JSON, and ends.
"""

import logging
from uuid import UUID

import pyspark
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from web_traffic.checkpoint import Batch, Checkpoint
from web_traffic.errors import KafkaUnavailable
from web_traffic.faults import fault_point
from web_traffic.guard import examine, fingerprint
from web_traffic.jobs.application import run, start_session, timed
from web_traffic.jobs.books import close_books
from web_traffic.jobs.damage import damage_is_refused
from web_traffic.kafka import describe_topic
from web_traffic.marks import last_records
from web_traffic.rebuild import set_aside
from web_traffic.records import require_right_to_read
from web_traffic.settings import Settings
from web_traffic.source import FIGURES, decode_records, read_stream
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.history import LastRecords
from web_traffic.warehouse.ledger import RunKey, RunLedger, Summary
from web_traffic.warehouse.migrate import require_result_table, require_schema
from web_traffic.warehouse.rejected import Places, keep_unreadable, rejected_earlier, release_places
from web_traffic.warehouse.sink import write_batch
from web_traffic.windows import WATERMARK_DELAY, count_hits

log = logging.getLogger(__name__)


def aggregate(settings: Settings) -> Summary:
    """Bring the stream up to the records that are there now, close the run's books, and return them."""
    phases: dict[str, float] = {}
    checkpoint = Checkpoint(settings.checkpoint_location)
    with connect(settings) as connection:
        require_schema(connection)
        require_result_table(connection)
        ledger = RunLedger.begin(connection, settings.run_name)
        try:
            with timed(phases, "guard"):
                topic = describe_topic(settings)
                require_right_to_read(settings, topic)
                made_with = fingerprint(settings, topic, WATERMARK_DELAY, pyspark.__version__)
                start = examine(settings, connection, topic, made_with)
                fault_point("examined")
                if settings.rebuild_checkpoint:
                    set_aside(checkpoint)
                ledger.accept(start.gap, settings.max_clock_skew)
                release_places(connection, topic.id, ledger.run_id, start.reused)
                keep_unreadable(settings, topic.id, start.unreadable)
                offsets, planned_at = checkpoint.next_start()
                begins = topic.first_offsets | offsets
                rejected = rejected_earlier(connection, topic.id, begins, planned_at)
                unread = {name: range(begins[name], end) for name, end in topic.end_offsets.items()}
            with timed(phases, "session"):
                spark = start_session(settings, sum(map(len, unread.values())))
            with timed(phases, "stream"):
                sink = Sink(settings, ledger.key, start.last_records)
                fault_point("before offsets")
                records = read_stream(spark, settings, start, unread)
                query = start_stream(records, settings, sink, topic.id, rejected)
                ledger.register(UUID(query.id), made_with)
                with damage_is_refused():
                    await_end(query, sink)
                fault_point("stream ended")
            with damage_is_refused():
                return close_books(spark, settings, query, topic, ledger, sink.last_records, phases)
        except Exception as error:
            ledger.fail(error)
            raise


class Sink:
    """Spark calls it for each batch. It keeps an error as it was, because Spark hands on only the text."""

    def __init__(self, settings: Settings, run: RunKey, last_records: LastRecords) -> None:
        """Write as this run; `last_records` are those that were read before it."""
        self.settings = settings
        self.run = run
        self.last_records = last_records
        self.error: Exception | None = None

    def __call__(self, hits: DataFrame, batch_id: int) -> None:
        """Write one batch."""
        try:
            fault_point("offsets logged")
            batch = Checkpoint(self.settings.checkpoint_location).batch(batch_id)
            self.last_records = self.last_records | read_last(self.settings, batch)
            write_batch(hits, batch, self.run, self.last_records, self.settings)
            fault_point("batch committed")
        except Exception as error:
            self.error = error
            raise


def read_last(settings: Settings, batch: Batch) -> LastRecords:
    """Return the last record of each partition that the batch reads; none if Kafka does not answer."""
    try:
        return last_records(settings, batch.start_offsets, batch.end_offsets)
    except KafkaUnavailable as error:
        log.warning("the last records of batch %s are not kept: %s", batch.batch_id, error)
        return {}


def start_stream(
    records: DataFrame, settings: Settings, sink: Sink, topic_id: str, rejected: Places
) -> StreamingQuery:
    """Start the query: decode the records, observe ahead of the watermark, count, write."""
    decoded = decode_records(records, settings, topic_id, rejected).observe(
        "decoded", *(F.expr(figure).alias(name) for name, figure in FIGURES.items())
    )
    return (
        count_hits(decoded)
        .writeStream.queryName("web_traffic")
        .outputMode("append")
        .option("checkpointLocation", str(settings.checkpoint_location))
        .trigger(availableNow=True)
        .foreachBatch(sink)
        .start()
    )


def await_end(query: StreamingQuery, sink: Sink) -> None:
    """Wait for the last batch; raises the sink's own error if that is what ended the query."""
    try:
        query.awaitTermination()
    except StreamingQueryException:
        if sink.error is None:
            raise
    if sink.error:  # raised outside of the handler, so that the error keeps its own causes
        raise sink.error


def main() -> None:
    """Run with the settings of the environment."""
    run(lambda: aggregate(Settings.from_environment()))


if __name__ == "__main__":
    main()
