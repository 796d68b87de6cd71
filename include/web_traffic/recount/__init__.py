"""Are the numbers right? An independent recount of the topic against the result table.

It reads the records of the batches in the ledger again, judges them by rules of its own in plain Python, applies the
watermark batch by batch, lets late events count where a window was restated, and compares with the table, window by
window. `web-traffic recount` prints the outcome.
"""

from datetime import datetime

import psycopg

from web_traffic.errors import KafkaUnavailable, RecordsMissing, RecountImpossible, TopicMissing
from web_traffic.kafka import describe_topic
from web_traffic.recount.checking import Check
from web_traffic.recount.report import Recount
from web_traffic.recount.rules import Future, Hit, Rejected, classify, microseconds
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

__all__ = ["Future", "Hit", "Recount", "RecountImpossible", "Rejected", "classify", "recount"]


def recount(settings: Settings, since: datetime | None = None, until: datetime | None = None) -> Recount:
    """Recount the windows that begin from `since` on and before `until`, and compare them with the table.

    By default these are all windows of which Kafka still holds all records. Database and ledger are read from one
    snapshot, so runs may go on meanwhile. Raises `RecountImpossible`, or `RecordsMissing` if Kafka no longer holds the
    records.
    """
    from_us, to_us = (None if at is None else microseconds(at) for at in (since, until))
    try:
        with connect(settings) as connection:
            topic = describe_topic(settings)
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            return Check(settings, connection, topic, from_us, to_us).run()
    except TopicMissing as error:
        raise RecordsMissing(str(error)) from error
    except KafkaUnavailable as error:
        raise RecountImpossible(str(error)) from error
    except psycopg.Error as error:
        reason = str(error).partition("\n")[0]
        raise RecountImpossible(f"PostgreSQL at {settings.postgres_url}: {reason}") from error
