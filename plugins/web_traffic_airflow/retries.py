"""When a failed task is tried again."""

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

BY_CAUSE = ExceptionRetryPolicy(
    rules=[
        RetryRule(
            exception="web_traffic.errors.NeedsAttention",
            action=RetryAction.FAIL,
            reason="a person has to act: the error says how",
        )
    ]
)
"""What passes by itself (a broker or a database that is down) is retried with backoff; the rest fails at once."""
