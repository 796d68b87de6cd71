"""Spark application that restates an interval: sealed windows are counted again, late events included.

Started by the DAGs, or by hand with `spark-submit` and the environment of `settings.Settings` and
`settings.RestateSettings`. It never touches the checkpoint of the live run, which may run meanwhile. It replaces the
rows that differ in one transaction, prints its summary as one line of JSON, and ends.
"""

import pyspark
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from web_traffic.faults import fault_point
from web_traffic.guard import fingerprint
from web_traffic.jobs.application import run, start_session, timed
from web_traffic.kafka import describe_topic
from web_traffic.records import require_right_to_read
from web_traffic.restatement.interval import Plan, make_plan
from web_traffic.restatement.ledger import RestatementLedger
from web_traffic.settings import RestateSettings, Settings
from web_traffic.source import decode_records, read_around
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.ledger import Summary
from web_traffic.warehouse.migrate import require_result_table, require_schema
from web_traffic.warehouse.rejected import Places, rejected_earlier
from web_traffic.warehouse.staging import stage_windows
from web_traffic.windows import WATERMARK_DELAY, count_hits


def restate(settings: Settings, request: RestateSettings) -> Summary:
    """Count the interval's windows again, replace the rows that differ, and return the summary."""
    phases: dict[str, float] = {}
    with connect(settings) as connection:
        require_schema(connection)
        require_result_table(connection)
        ledger = RestatementLedger.begin(connection, settings.run_name, request)
        try:
            with timed(phases, "plan"):
                topic = describe_topic(settings)
                require_right_to_read(settings, topic)
                expected = fingerprint(settings, topic, WATERMARK_DELAY, pyspark.__version__)
                plan = make_plan(settings, request, connection, topic, expected, ledger.started_at)
                rejected = rejected_earlier(connection, topic.id, plan.reading.start_offsets, ledger.started_at)
                ledger.note(plan, settings.max_clock_skew)
            with timed(phases, "session"):
                spark = start_session(settings, plan.reading.records)
            with timed(phases, "count"):
                stages = stage_windows(
                    count_interval(spark, settings, topic.id, plan, ledger, rejected), "staged_restatement", settings
                )
                fault_point("restatement staged")
            summary = ledger.commit(plan, stages, phases)
            fault_point("restatement committed")
        except Exception as error:
            ledger.fail(error)
            raise
    return summary


def count_interval(
    spark: SparkSession, settings: Settings, topic_id: str, plan: Plan, ledger: RestatementLedger, rejected: Places
) -> DataFrame:
    """Count the windows of the plan by the rules of the live run."""
    records = read_around(spark, settings, plan.reading.start_offsets, plan.reading.end_offsets, plan.reading.left_out)
    decoded = decode_records(records, settings, topic_id, rejected, ledger.started_at, plan.acceptance)
    start, end = plan.interval
    return count_hits(decoded).where((F.col("window_start") >= F.lit(start)) & (F.col("window_start") < F.lit(end)))


def main() -> None:
    """Run with the settings of the environment."""
    run(lambda: restate(Settings.from_environment(), RestateSettings.from_environment()))


if __name__ == "__main__":
    main()
