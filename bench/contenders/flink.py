"""The contender PyFlink: Flink SQL (Table API) with its Kafka and JDBC connectors, in a local cluster of two slots.

A streaming job over a bounded source: it reads to the offsets that were the last ones at its start. Flink then sends
the last watermark itself, so the open windows are written too, each with all its hits so far.

Watermarks are per partition: the planner pushes them into the Kafka source, whose reader takes the lowest one of its
partitions, so no event is dropped because another partition is read faster.
https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/connectors/table/kafka/#source-per-partition-watermarks

Environment: KAFKA_URL, KAFKA_TOPIC, POSTGRES_URL, POSTGRES_USER, POSTGRES_PASSWORD, CONTENDER_FOLDER and
FLINK_CONNECTOR_JARS, the connectors' jars with a colon between.
"""

import os
from pathlib import Path
from typing import Any

SETTINGS = {
    "parallelism.default": "2",  # one slot a core; each reads two partitions
    "taskmanager.numberOfTaskSlots": "2",
    "table.local-time-zone": "UTC",
    # Nothing listens on other addresses:
    # https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/deployment/config/#hosts-and-ports
    "jobmanager.bind-host": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
    "rest.bind-address": "127.0.0.1",
    "rest.address": "127.0.0.1",
    # https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/dev/datastream/execution/execution_configuration/
    "pipeline.object-reuse": "true",
    # https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/dev/table/tuning/#local-global-aggregation
    "table.optimizer.agg-phase-strategy": "TWO_PHASE",
    # Buffers go out when they are full, "to maximize throughput":
    # https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/dev/datastream/overview/#controlling-latency
    "execution.buffer-timeout.enabled": "false",
    # The heap holds the state, which is "very fast":
    # https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/ops/state/state_backends/
    "state.backend.type": "hashmap",
    "execution.checkpointing.interval": "60 s",
    # The buffers of the window aggregation are managed memory:
    # https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/deployment/memory/mem_setup_tm/#managed-memory
    "taskmanager.memory.managed.size": "512m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
}
JVM = "-Xmx2g -XX:+UseParallelGC -Duser.timezone=UTC"  # a timestamp goes to JDBC in the JVM's time zone
EVENTS = """
CREATE TABLE events (
    host STRING NOT NULL,
    referrer STRING,
    event_time TIMESTAMP_LTZ(3) NOT NULL,
    WATERMARK FOR event_time AS event_time - INTERVAL '1' MINUTE
) WITH (
    'connector' = 'kafka',
    'topic' = '{topic}',
    'properties.bootstrap.servers' = '{brokers}',
    'properties.max.poll.records' = '20000',
    'properties.max.partition.fetch.bytes' = '16777216',
    'properties.fetch.max.bytes' = '104857600',
    'properties.receive.buffer.bytes' = '1048576',
    'scan.startup.mode' = 'earliest-offset',
    'scan.bounded.mode' = 'latest-offset',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
)"""
# Rows a batch and rewritten inserts:
# https://nightlies.apache.org/flink/flink-docs-release-2.2/docs/connectors/table/jdbc/#sink-buffer-flush-max-rows and
# https://jdbc.postgresql.org/documentation/use/#connection-parameters (reWriteBatchedInserts)
WINDOWS = """
CREATE TABLE windows (
    window_start TIMESTAMP(3),
    window_end TIMESTAMP(3),
    host STRING,
    referrer STRING,
    num_hits BIGINT
) WITH (
    'connector' = 'jdbc',
    'url' = 'jdbc:{database}?reWriteBatchedInserts=true',
    'username' = '{user}',
    'password' = '{password}',
    'table-name' = 'aggregated_web_traffic',
    'sink.buffer-flush.max-rows' = '10000',
    'sink.buffer-flush.interval' = '0'
)"""
COUNT = """
INSERT INTO windows
SELECT window_start, window_end, host, referrer, COUNT(*)
FROM TUMBLE(TABLE events, DESCRIPTOR(event_time), INTERVAL '5' MINUTES)
GROUP BY window_start, window_end, host, referrer"""


def main() -> None:
    """Count the hits; raises what Flink raises if the job fails."""
    folder = Path(os.environ["CONTENDER_FOLDER"]).resolve()
    os.environ |= {"JVM_ARGS": JVM, "FLINK_LOG_DIR": str(folder)}  # read when pyflink starts its JVM
    tables = table_environment(folder)
    values = {
        "brokers": os.environ["KAFKA_URL"],
        "topic": os.environ["KAFKA_TOPIC"],
        "database": os.environ["POSTGRES_URL"],
        "user": os.environ["POSTGRES_USER"],
        "password": os.environ["POSTGRES_PASSWORD"],
    }
    for table in (EVENTS, WINDOWS):
        tables.execute_sql(table.format_map({name: value.replace("'", "''") for name, value in values.items()}))
    tables.execute_sql(COUNT).wait()


def table_environment(folder: Path) -> Any:
    """Return a streaming environment with the connectors, whose files are in `folder`."""
    from pyflink.common import Configuration
    from pyflink.table import EnvironmentSettings, TableEnvironment

    configuration = Configuration()
    jars = os.environ["FLINK_CONNECTOR_JARS"].split(os.pathsep)
    places = {
        "pipeline.jars": ";".join(Path(jar).resolve().as_uri() for jar in jars),
        "execution.checkpointing.dir": (folder / "checkpoints").as_uri(),
        "io.tmp.dirs": str(folder),
    }
    for name, value in (SETTINGS | places).items():
        configuration.set_string(name, value)
    settings = EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(configuration).build()
    return TableEnvironment.create(settings)


if __name__ == "__main__":
    main()
