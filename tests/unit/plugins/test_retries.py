"""What is tried again, and what waits for a person."""

import psycopg
import pytest
from airflow.sdk import RetryAction

from web_traffic.errors import KafkaRefused, KafkaUnavailable, NeedsAttention
from web_traffic_airflow.retries import BY_CAUSE
from web_traffic_airflow.yarn import SparkRunFailed


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (NeedsAttention("turn the key"), RetryAction.FAIL),
        (KafkaRefused("no"), RetryAction.FAIL),
        (psycopg.errors.InsufficientPrivilege("permission denied for schema etl"), RetryAction.FAIL),
        (psycopg.OperationalError('FATAL:  password authentication failed for user "a"'), RetryAction.FAIL),
        (psycopg.OperationalError("connection failed: Connection refused"), RetryAction.DEFAULT),
        (KafkaUnavailable("is it up?"), RetryAction.DEFAULT),
        (SparkRunFailed("OperationalError: the connection is lost"), RetryAction.DEFAULT),
        (RuntimeError("who knows"), RetryAction.DEFAULT),
    ],
)
def test_only_what_time_can_heal_is_tried_again(error: Exception, action: RetryAction) -> None:
    assert BY_CAUSE.evaluate(error, try_number=1, max_tries=3).action == action
