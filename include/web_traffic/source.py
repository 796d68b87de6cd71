"""Spark's side of Kafka: the stream of new records, decoded and counted in advance."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F

from web_traffic.checkpoint import Batch
from web_traffic.events import Judged, judge
from web_traffic.kafka import Offsets
from web_traffic.kafka_login import java_options
from web_traffic.kafka_time import EARLIEST, KafkaTimes
from web_traffic.polling import poll_options
from web_traffic.precount import COUNTS_DDL, count, tally
from web_traffic.rebuild import Start
from web_traffic.restatement.lateness import Acceptance
from web_traffic.settings import Settings
from web_traffic.warehouse.rejected import COLUMNS as REJECTED_COLUMNS
from web_traffic.warehouse.rejected import Places, RejectedEvents

ArrowStep = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
FIGURES = {
    "rejected": "sum(rejected)",
    "future": "sum(future)",
    "oldest_kafka_ms": "min(oldest_kafka_ms)",
    "newest_kafka_ms": "max(newest_kafka_ms)",
}
"""What is observed of a batch's decoded records, ahead of the watermark."""

KAFKA_OPTIONS = {
    "kafka.isolation.level": "read_committed",
    "kafka.request.timeout.ms": "20000",
    "kafka.default.api.timeout.ms": "30000",
    "kafka.fetch.max.bytes": str(100 * 1024 * 1024),
    "kafka.fetch.max.wait.ms": "10",
    "kafka.receive.buffer.bytes": str(1024 * 1024),
}
"""Events of aborted transactions do not count, and every wait has a limit. How much is fetched is for `polling`.

Fetches do not wait: Spark seeks to the end of each partition before it reads one, and an idle fetch there would block
for 500 ms, Kafka's default.
"""


def _client_options(settings: Settings, unread: Mapping[str, range]) -> dict[str, str]:
    """Return what Spark's Kafka clients need; the settings' own properties can't contradict these options."""
    own = {f"kafka.{name}": value for name, value in java_options(settings.kafka_config).items()}
    servers = {"kafka.bootstrap.servers": settings.kafka_url}
    return own | KAFKA_OPTIONS | poll_options(settings, unread) | servers


def read_stream(spark: SparkSession, settings: Settings, start: Start, unread: Mapping[str, range]) -> DataFrame:
    """Read the topic's new records; a gap in the offsets fails the query, unless it was accepted.

    A new checkpoint begins after its gap, so it never meets one. The offsets that are `unread`, by partition, tell how
    much fits into a fetch.
    """
    is_new = start.offsets is not None
    starting = json.dumps({settings.kafka_topic: start.offsets}) if is_new else settings.starting_offsets
    return (
        spark.readStream.format("kafka")
        .options(**_client_options(settings, unread))
        .option("startingOffsets", starting)
        .option("subscribe", settings.kafka_topic)
        .option("failOnDataLoss", "false" if start.gap and not is_new else "true")
        .load()
    )


def read_batch(spark: SparkSession, settings: Settings, batch: Batch) -> DataFrame:
    """Read the records of one micro-batch again, as far as Kafka still holds them."""
    return (
        read_between(spark, settings, batch.start_offsets, batch.end_offsets).option("failOnDataLoss", "false").load()
    )


def read_between(
    spark: SparkSession, settings: Settings, start_offsets: Offsets, end_offsets: Offsets
) -> DataFrameReader:
    """Return the reader of the records between two offsets of each partition, the second one exclusive.

    Partitions that the offsets do not name are not read: the topic may have got them since. Unless told otherwise the
    reader fails when Kafka does not hold all of the records.
    """
    starting, ending = (json.dumps({settings.kafka_topic: offsets}) for offsets in (start_offsets, end_offsets))
    partitions = sorted(int(partition) for partition in end_offsets)
    unread = {partition: range(start_offsets.get(partition, 0), end) for partition, end in end_offsets.items()}
    return (
        spark.read.format("kafka")
        .options(**_client_options(settings, unread))
        .option("assign", json.dumps({settings.kafka_topic: partitions}))
        .option("startingOffsets", starting)
        .option("endingOffsets", ending)
    )


def read_around(
    spark: SparkSession, settings: Settings, start_offsets: Offsets, end_offsets: Offsets, left_out: Places
) -> DataFrame:
    """Read the records between two offsets of each partition, without those that Spark can't read."""
    frames = []
    starts = dict(start_offsets)
    while starts:
        stops = {
            name: min((offset for offset in left_out.get(int(name), ()) if offset >= start), default=end_offsets[name])
            for name, start in starts.items()
        }
        frames.append(read_between(spark, settings, starts, stops).load())
        starts = {name: stop + 1 for name, stop in stops.items() if stop < end_offsets[name]}
    return reduce(DataFrame.union, frames)


def decode_records(
    records: DataFrame,
    settings: Settings,
    topic_id: str,
    rejected: Places,
    planned_at: datetime | None = None,
    acceptance: Acceptance | None = None,
) -> DataFrame:
    """Decode Kafka records into pre-counted hits (`precount.COUNTS`), and keep those that are not counted.

    Records that were `rejected` earlier stay rejected, whatever the clock and the rules say by now: their way back is
    a redrive, and its copy would be counted beside them.

    An event is from the future when it is ahead of its Kafka timestamp, or of the clock if that is earlier, by more
    than the allowed skew; a Kafka timestamp from before Kafka is none. On a stream the clock is the batch's own time,
    which a replay sees again; records of a batch that are read again later take it from `planned_at`.

    A restatement gives its `acceptance`, which judges each record as the live run did, and leaves out events that come
    too late. It keeps no rejected records: the live run does.
    """
    clock = F.lit(planned_at) if planned_at else F.current_timestamp()
    skew = settings.max_clock_skew // timedelta(microseconds=1)
    if acceptance is not None:
        return records.select(*REJECTED_COLUMNS).mapInArrow(_restating_decoder(rejected, acceptance), COUNTS_DDL)
    sent = F.when(F.col("timestamp") >= F.lit(EARLIEST), F.least("timestamp", clock)).otherwise(clock)
    accepted_until = F.timestamp_micros(F.unix_micros(sent) + skew)
    columns = (*REJECTED_COLUMNS, accepted_until.alias("accepted_until"))
    return records.select(*columns).mapInArrow(_decoder(settings, topic_id, rejected), COUNTS_DDL)


def _decoder(settings: Settings, topic_id: str, rejected: Places) -> ArrowStep:
    """Return what a task does with its records."""

    def judge_each(batches: Iterator[pa.RecordBatch], times: KafkaTimes) -> Iterator[Judged]:
        with RejectedEvents(settings, topic_id) as rejected_events:
            for records in batches:
                times.add(records["timestamp"])
                judged = judge(_without_values_of(rejected, records))
                if judged.reasons:
                    rejected_events.add(records, judged.reasons)
                yield judged

    def decode(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        times = KafkaTimes()
        yield from count(judge_each(batches, times))
        yield tally(oldest_kafka_ms=times.oldest_ms, newest_kafka_ms=times.newest_ms)

    return decode


def _restating_decoder(rejected: Places, acceptance: Acceptance) -> ArrowStep:
    """Return what a task of a restatement does with its records."""

    def judge_each(batches: Iterator[pa.RecordBatch]) -> Iterator[Judged]:
        for records in batches:
            bounds = acceptance.bounds(records)
            judged = _without_values_of(rejected, records).append_column("accepted_until", bounds.accepted_until)
            yield judge(judged, bounds.accepted_from)

    return lambda batches: count(judge_each(batches))


def _without_values_of(rejected: Places, records: pa.RecordBatch) -> pa.RecordBatch:
    """Take their values from records that were rejected earlier: nothing can be counted that is not there."""
    if not rejected:
        return records
    places = zip(records["partition"].to_pylist(), records["offset"].to_pylist(), strict=True)
    is_rejected = pa.array([offset in rejected.get(partition, ()) for partition, offset in places], pa.bool_())
    values = pc.if_else(is_rejected, pa.scalar(None, records["value"].type), records["value"])
    return records.set_column(records.schema.get_field_index("value"), "value", values)
