"""The first contender: the job as most people write it, repaired only so far that it runs.

Every field of the event by `json_tuple`, Spark's default settings, JDBC append in foreachBatch. Two repairs: the event
time is cast to a timestamp (a watermark needs one), and the window becomes two columns (JDBC has no struct). Started
with spark-submit, with the jars of the Kafka connector and of the JDBC driver.
"""

import os

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

FIELDS = ("url", "referrer", "user_agent", "host", "ip", "headers", "event_time")


def write(batch: DataFrame, _: int) -> None:
    """Append a batch to the table."""
    (
        batch.select("window.start", "window.end", "host", "referrer", "num_hits")
        .toDF("window_start", "window_end", "host", "referrer", "num_hits")
        .write.format("jdbc")
        .option("driver", "org.postgresql.Driver")
        .option("url", f"jdbc:{os.environ['POSTGRES_URL']}")
        .option("user", os.environ["POSTGRES_USER"])
        .option("password", os.environ["POSTGRES_PASSWORD"])
        .option("dbtable", "aggregated_web_traffic")
        .mode("append")
        .save()
    )


def main() -> None:
    """Process what is there, and end."""
    spark = SparkSession.builder.appName("seed").config("spark.sql.session.timeZone", "UTC").getOrCreate()
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", os.environ["KAFKA_URL"])
        .option("subscribe", os.environ["KAFKA_TOPIC"])
        .option("startingOffsets", "earliest")
        .load()
    )
    events = records.select(F.json_tuple(F.col("value").cast("string"), *FIELDS).alias(*FIELDS))
    hits = (
        events.withColumn("event_time", F.try_to_timestamp("event_time"))
        .withWatermark("event_time", "1 minute")
        .groupBy(F.window("event_time", "5 minutes"), "host", "referrer")
        .agg(F.count("*").alias("num_hits"))
    )
    query = (
        hits.writeStream.outputMode("append")
        .foreachBatch(write)
        .option("checkpointLocation", os.environ["CHECKPOINT_LOCATION"])
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()


if __name__ == "__main__":
    main()
