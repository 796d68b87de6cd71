"""All errors of the ETL in one tree, and the exit codes of its commands.

    TryAgain          the cause may be temporary: Airflow runs the task again
    NeedsAttention    the next try would fail in the same way: a person has to act, and the message says how

An error's own name stands in `etl.run`, in the log and in the mail. `causes` judges the errors of Spark, Kafka and
psycopg. The plugin adds two classes that need Airflow: `QualityError` and `SparkRunFailed`.
"""

EXIT_TRY_AGAIN = 1
"""Exit code of a command that failed by a cause that may be temporary."""
EXIT_FOUND_WRONG = 3
"""Exit code of a command that did its work and found something wrong."""
EXIT_NEEDS_ATTENTION = 78
"""Exit code of a command that a person has to put right (EX_CONFIG of sysexits.h)."""
EXIT_INTERRUPTED = 130
"""Exit code of a command that Ctrl-C has ended, as shells give it."""
EXIT_CODES = {
    0: "done, and nothing is wrong",
    EXIT_TRY_AGAIN: "not done: start it again later, the cause may be temporary",
    2: "the arguments are wrong",
    EXIT_FOUND_WRONG: "done, and something is wrong: the output says what",
    EXIT_NEEDS_ATTENTION: "not done: a person has to put something right first, and the error says what",
    EXIT_INTERRUPTED: "ended by Ctrl-C",
}
"""The exit codes of `web-traffic` and of the Spark applications, with their meanings. argparse gives the 2."""

MORE_MEMORY = "raise spark.driver.memory in Spark's properties file; nothing is lost"
"""What helps a Spark application whose heap is full."""
CAUSE_FILE = "WEB_TRAFFIC_CAUSE_FILE"
"""Environment variable with the path of a file into which a Spark application writes why it failed.

Whoever starts it reads the cause there: its log goes on after it, with what Spark's workers say when they are ended.
"""


class TryAgain(Exception):
    """The cause may be temporary: the same work may succeed at the next try."""


class NeedsAttention(Exception):
    """The next try would fail in the same way: a person has to act. The message says how."""


class KafkaUnavailable(TryAgain, ConnectionError):
    """No broker answers; the message names the address."""


class LeaderUnknown(KafkaUnavailable):
    """Not all brokers know the leader of a partition yet, as happens after a start or a failure."""


class ChannelDown(TryAgain, ConnectionError):
    """The channel did not take the message; it is kept and sent again."""


class CheckpointError(TryAgain):
    """A checkpoint file is not as Spark writes it; the message names the file."""


class CheckpointOutOfReach(TryAgain, ConnectionError):
    """The storage of the checkpoint does not answer; the message has its words."""


class InProgress(TryAgain):
    """Another process does the same work now; the message names it."""


class StagedWindowsLost(TryAgain):
    """The staging table holds other hits than the tasks copied; nothing was committed, and a retry writes them."""


class RedriveTakenOver(TryAgain):
    """A later redrive has taken over; this one has sent all of its records, or none that counts."""


class RecountImpossible(TryAgain):
    """The numbers can't be checked now: Kafka or PostgreSQL does not answer."""


# What somebody wrote or asked for


class SettingsError(NeedsAttention):
    """A setting holds a value that the ETL can't use; the message names it and the fix."""


class BadRule(NeedsAttention):
    """A quality rule can't be applied; the message names it and says why."""


class BadFile(NeedsAttention):
    """A file for a redrive has a flaw; the message names the file, the line and the fix. Nothing was changed."""


class UnknownRecord(NeedsAttention):
    """A value is for a record that was never rejected."""


# Kafka refuses


class TopicMissing(NeedsAttention):
    """The broker does not have the topic."""


class KafkaRefused(NeedsAttention):
    """The broker refuses this client or its request; the message has the broker's words."""


class TopicNotMade(NeedsAttention):
    """The broker does not make the topic; the message has the broker's words."""


class TooLarge(NeedsAttention):
    """The topic does not take a record of this size; the transaction was aborted, and Kafka shows none of it."""


# The database is not as the migrations left it


class SchemaMismatch(NeedsAttention):
    """The database and the code do not belong together; nothing was changed."""


class RowsHeldBack(NeedsAttention):
    """PostgreSQL has written other rows than it was given; nothing was committed."""

    def __init__(self, found: str, table: str) -> None:
        super().__init__(
            f"{found}: a trigger of the table {table} holds rows back or changes them; drop or correct it"
        )


# Log, checkpoint and ledger do not belong together


class CheckpointMismatch(NeedsAttention):
    """The checkpoint belongs to another database, topic or configuration; nothing was read or written."""


class CheckpointClosed(NeedsAttention):
    """The checkpoint's folder can't be read or written; nothing was changed."""


class LedgerMismatch(NeedsAttention):
    """The ledger lacks a batch, or has other offsets for it: checkpoint and database are not of the same time."""


class Fenced(NeedsAttention):
    """A newer run owns the pipeline; this one has committed nothing, and must not go on."""


class WindowsDoNotMeet(NeedsAttention):
    """Windows of the new length would not begin where the old ones end; nothing was read or written."""


# Records that are needed can't be read


class DataLoss(NeedsAttention):
    """Kafka does not hold all records that have to be read; nothing was read or written."""


class RetentionGap(NeedsAttention):
    """Kafka no longer holds all records of the interval; nothing was changed."""


class NotKept(NeedsAttention):
    """Retention has deleted windows or runs that a restatement needs; nothing was changed."""


class RecordsMissing(NeedsAttention):
    """Kafka no longer holds records that the recount needs."""


class Untraceable(NeedsAttention):
    """Kafka no longer holds the records that tell whether an interrupted redrive was committed."""


class Unreadable(NeedsAttention):
    """Spark fails at a record on every run; nothing was read or written."""


# The work has to wait for something else


class RunInProgress(NeedsAttention):
    """Another run or restatement did not end while this one waited; the message names it."""


class NotSealed(NeedsAttention):
    """The live run may still write windows of the interval; nothing was changed."""


class NotIdle(NeedsAttention):
    """No windows can be closed: there are newer events, or no window is open."""


class CountedOtherwise(NeedsAttention):
    """The windows were counted from another topic or by other rules, so they can't be counted again."""
