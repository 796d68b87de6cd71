"""When a failed task is tried again."""

from airflow.sdk import Context, ExceptionRetryPolicy, RetryDecision


class RetryWhatTimeHeals(ExceptionRetryPolicy):
    """Retry after temporary failures, such as a broker or a database that is down; otherwise fail at once."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide by the innermost cause."""
        from web_traffic.causes import explain

        failure = explain(exception)
        if failure.needs_attention:
            return RetryDecision.fail(f"a person has to act: {failure.line}")
        return super().evaluate(exception, try_number, max_tries, context)


BY_CAUSE = RetryWhatTimeHeals(rules=[])
