"""Errors as Spark 4.2, psycopg and Python say them, each recorded from a real failure and shortened."""

import psycopg
import pytest

from web_traffic.causes import LONGEST_LINE, explain
from web_traffic.errors import KafkaUnavailable, NeedsAttention
from web_traffic.traces import innermost

WORKER = """\
org.apache.spark.api.python.PythonException: [PYTHON_EXCEPTION] An exception was thrown from the Python worker: \
Traceback (most recent call last):
  File "/app/web_traffic/warehouse/staging.py", line 53, in stage
    with connect(settings) as connection, connection.cursor().copy(COPY_INTO[table]) as copy:
psycopg.errors.InsufficientPrivilege: permission denied for table staged_window
 SQLSTATE: 38000
\tat org.apache.spark.api.python.BasePythonRunner.run(PythonRunner.scala:1)
"""
CONNECT = """\
org.apache.spark.api.python.PythonException: [PYTHON_EXCEPTION] An exception was thrown from the Python worker: \
Traceback (most recent call last):
  File "/app/web_traffic/warehouse/connection.py", line 36, in connect
    raise last_ex.with_traceback(None)
psycopg.OperationalError: connection failed: connection to server at "127.0.0.1", port 5432 failed: FATAL:  too many \
connections for role "web_traffic_writer"
Multiple connection attempts failed. All failures were:
- host: 'localhost', port: 5432, hostaddr: '::1': connection failed: Connection refused
\tat org.apache.spark.api.python.BasePythonRunner.run(PythonRunner.scala:1)
"""
CHAIN = """\
org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "/app/a.py", line 1, in step
    open(path)
OSError: [Errno 28] No space left on device

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/a.py", line 3, in step
    raise RuntimeError("outer") from error
RuntimeError: outer
\tat org.apache.spark.api.python.BasePythonRunner.run(PythonRunner.scala:1)
"""
OURS_ABOVE = CHAIN.replace("RuntimeError: outer", "web_traffic.errors.KafkaUnavailable: no Kafka broker answers")
GROUP = """\
org.apache.spark.api.python.PythonException: An exception was thrown from the Python worker: \
  + Exception Group Traceback (most recent call last):
  |   File "/app/a.py", line 1, in step
  |     raise ExceptionGroup("several", errors)
  | ExceptionGroup: several (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/a.py", line 2, in one
    |     raise OSError("disk full")
    | OSError: disk full
    +---------------- 2 ----------------
    | ValueError: 2
    +------------------------------------
"""
PROXY = """\
org.apache.spark.sql.streaming.StreamingQueryException: An exception was raised by the Python Proxy. Return Message: \
Traceback (most recent call last):
  File "/site-packages/py4j/clientserver.py", line 644, in _call_proxy
    return_value = getattr(self.pool[obj_id], method)(*params)
pyspark.errors.exceptions.captured.PythonException: An exception was thrown from the Python worker:
Traceback (most recent call last):
  File "/app/staging.py", line 53, in stage
    raise ex.with_traceback(None)
psycopg.errors.UndefinedTable: relation "etl.staged_window" does not exist
LINE 1: COPY etl.staged_window

=== Streaming Query ===
Identifier: web_traffic
\tat org.apache.spark.sql.execution.streaming.StreamExecution.run(StreamExecution.scala:1)
"""
TASK = """\
An error occurred while calling o209.collectToPython.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 1.0 failed 1 times, most recent \
failure: Lost task 0.0 in stage 1.0 (TID 3) (localhost executor driver): java.lang.ArithmeticException: long overflow
\tat java.base/java.lang.Math.multiplyExact(Math.java:1004)

Driver stacktrace:
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:1)
"""
MEMORY = TASK.replace("java.lang.ArithmeticException: long overflow", "java.lang.OutOfMemoryError: Java heap space")
STOPPED = """\
An error occurred while calling o303.collectToPython.
: org.apache.spark.SparkException: Job 1 cancelled because SparkContext was shut down
\tat org.apache.spark.scheduler.DAGScheduler.$anonfun$cleanUpAfterSchedulerStop$3(DAGScheduler.scala:1)
"""
"""Spark's thread for listeners had no memory left, and stopped Spark."""
CRASH = """\
org.apache.spark.SparkException: Job aborted due to stage failure: Lost task
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:1)
Caused by: org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)
\tat org.apache.spark.api.python.BasePythonRunner.run(PythonRunner.scala:1)
Caused by: java.io.EOFException
\t... 12 more
"""
ACL = """\
org.apache.spark.sql.streaming.StreamingQueryException: Not authorized to access topics: [web_traffic_topic]
=== Streaming Query ===
\tat org.apache.spark.sql.execution.streaming.StreamExecution.run(StreamExecution.scala:1)
Caused by: org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [a, b]
"""

LACKS = WORKER.replace("psycopg.errors.InsufficientPrivilege: permission denied for table staged_window", "{}")
NO_LIBRARY = LACKS.format("ModuleNotFoundError: No module named 'pyarrow'")
OTHER_PYTHON = LACKS.format(
    "pyspark.errors.exceptions.base.PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different "
    "version: 3.9 than that in driver: 3.11, PySpark cannot run with different minor versions."
)
NO_PYTHON = """\
org.apache.spark.SparkException: Job aborted due to stage failure: Lost task
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:1)
Caused by: java.io.IOException: Cannot run program "/no/python": error=2, No such file or directory
\tat java.base/java.lang.ProcessBuilder.start(ProcessBuilder.java:1143)
Caused by: java.io.IOException: error=2, No such file or directory
\tat java.base/java.lang.ProcessImpl.forkAndExec(Native Method)
"""
NO_PATH = """\
org.apache.spark.SparkException:\x20
Error from python worker:
  /usr/bin/python3: Error while finding module specification for 'web_traffic.worker_daemon' (ModuleNotFoundError: No \
module named 'web_traffic')
PYTHONPATH was:
  /spark/python/lib/pyspark.zip:web_traffic.zip
org.apache.spark.SparkException: EOFException occurred while reading the port number
\tat org.apache.spark.errors.SparkCoreErrors$.eofExceptionWhileReadPortNumberError(SparkCoreErrors.scala:55)
"""


@pytest.mark.parametrize(
    ("trace", "kind", "message"),
    [
        (WORKER, "psycopg.errors.InsufficientPrivilege", "permission denied for table staged_window"),
        (CHAIN, "OSError", "[Errno 28] No space left on device"),
        (OURS_ABOVE, "web_traffic.errors.KafkaUnavailable", "no Kafka broker answers"),
        (GROUP, "OSError", "disk full"),
        (PROXY, "psycopg.errors.UndefinedTable", 'relation "etl.staged_window" does not exist'),
        (TASK, "java.lang.ArithmeticException", "long overflow"),
        (CRASH, "org.apache.spark.SparkException", "Python worker exited unexpectedly (crashed)"),
        ("java.lang.NullPointerException\n\tat a.b(C.java:1)", "java.lang.NullPointerException", ""),
    ],
)
def test_the_innermost_cause_is_found_in_a_trace(trace: str, kind: str, message: str) -> None:
    found = innermost(trace)
    assert found
    assert (found.kind, (found.message.splitlines() or [""])[0]) == (kind, message)


class FromJvm(Exception):
    """An exception as pyspark hands it over."""

    def __init__(self, trace: str) -> None:
        super().__init__("An error occurred while calling o209.collectToPython.")
        self._stackTrace = trace


@pytest.mark.parametrize(
    ("trace", "line", "is_for_a_person"),
    [
        (WORKER, "InsufficientPrivilege: permission denied for table staged_window; grant the role the", True),
        (CONNECT, 'OperationalError: FATAL: too many connections for role "web_traffic_writer"', False),
        (PROXY, 'UndefinedTable: relation "etl.staged_window" does not exist; restore what the migrations made', True),
        (TASK, "ArithmeticException: long overflow; report it", True),
        (MEMORY, "OutOfMemoryError: Java heap space; raise spark.driver.memory", True),
        (STOPPED, "SparkException: Job 1 cancelled because SparkContext was shut down; the log above says why", False),
        (CRASH, "SparkException: Python worker exited unexpectedly (crashed)", False),
        (ACL, "TopicAuthorizationException: Not authorized to access topics: [a, b]; give Kafka's client", True),
        (OURS_ABOVE, "KafkaUnavailable: no Kafka broker answers", False),
        (NO_LIBRARY, "ModuleNotFoundError: No module named 'pyarrow'; install it for the Python of driver", True),
        (OTHER_PYTHON, "PySparkRuntimeError: [PYTHON_VERSION_MISMATCH] Python in worker has different version", True),
        (NO_PYTHON, 'IOException: Cannot run program "/no/python": error=2, No such file or directory; it is', True),
        (NO_PATH, "SparkException: Error from python worker: /usr/bin/python3: Error while finding module", True),
    ],
)
def test_an_error_of_the_jvm_is_one_line_and_says_who_has_to_act(trace: str, line: str, is_for_a_person: bool) -> None:
    failure = explain(FromJvm(trace))
    assert failure.line.startswith(line)
    assert "\n" not in failure.line
    assert failure.needs_attention is is_for_a_person


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("raise RuntimeError('outer') from OSError('inner')", "OSError: inner"),
        ("raise ExceptionGroup('several', [KeyError('a'), ValueError('b')])", "KeyError: 'a'"),
        ("try: 1 / 0\nfinally: raise RuntimeError('while it was handled')", "ZeroDivisionError: division by zero"),
        ("try: 1 / 0\nexcept ZeroDivisionError: raise RuntimeError('outer') from None", "RuntimeError: outer"),
        ("raise RuntimeError('x') from KafkaUnavailable('is it up?')", "KafkaUnavailable: is it up?"),
        ("raise KafkaUnavailable('is it up?') from OSError('inner')", "KafkaUnavailable: is it up?"),
        ("raise OSError", "OSError: no message"),
        ('raise OSError(\'login password=swordfish for {"ip": "1.2.3.4"}\')', "OSError: login password=*** for {…}"),
        ("raise NeedsAttention('turn {the} key, password=swordfish')", "NeedsAttention: turn {the} key, password=***"),
    ],
)
def test_a_chain_is_followed_to_the_first_error_or_to_one_of_ours(statement: str, line: str) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011  the line is what is looked at
        exec(statement, {"KafkaUnavailable": KafkaUnavailable, "NeedsAttention": NeedsAttention})
    assert explain(raised.value).line == line


@pytest.mark.parametrize(
    ("error", "is_for_a_person"),
    [
        (NeedsAttention("turn the key"), True),
        (psycopg.OperationalError('FATAL:  password authentication failed for user "a"'), True),
        (psycopg.OperationalError('FATAL:  database "a" does not exist'), True),
        (psycopg.OperationalError("connection failed: Connection refused\n\tIs the server running?"), False),
        (psycopg.errors.AdminShutdown("terminating connection due to administrator command"), False),
        (psycopg.errors.NumericValueOutOfRange("bigint out of range"), True),
        (psycopg.errors.SerializationFailure("could not serialize access"), False),
        (PermissionError(13, "Permission denied"), True),
        (ConnectionRefusedError(111, "Connection refused"), False),
        (RuntimeError("who knows"), False),
    ],
)
def test_only_what_time_can_heal_is_tried_again(error: Exception, is_for_a_person: bool) -> None:
    assert explain(error).needs_attention is is_for_a_person


def test_a_loop_of_causes_ends_and_a_line_has_a_length() -> None:
    first, second = RuntimeError("first"), RuntimeError("x" * 10_000)
    first.__cause__, second.__cause__ = second, first
    assert len(explain(first).line) == LONGEST_LINE
