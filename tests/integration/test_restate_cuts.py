"""However an interval is cut, in whatever order, once or repeatedly: the table is the same."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local_stack import Stack
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline, make_pipeline
from tests.restating import figures, restate

MIDNIGHT_MS = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp() * 1000)
MINUTE_MS = int(timedelta(minutes=1) / timedelta(milliseconds=1))
WINDOWS = 6
Record = tuple[int, int, int]
"""Minute of the event, Kafka timestamp in ms, partition."""

odd = st.sampled_from([-1, 1, MIDNIGHT_MS // 1000, MIDNIGHT_MS * 1000])
off_by = st.sampled_from([-3 * 1440, -1440, -120, -7, -1, 0, 1, 7, 120, 1435, 1440, 3 * 1440])
records = st.lists(
    st.tuples(
        st.integers(0, 5 * WINDOWS - 1),
        off_by.map(lambda minutes: MIDNIGHT_MS + minutes * MINUTE_MS) | odd,
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)
rounds = st.lists(records, min_size=2, max_size=3)


@st.composite
def cuts(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Return intervals of windows that cover all of them, in any order."""
    inner = draw(st.lists(st.integers(1, WINDOWS - 1), unique=True, max_size=3))
    borders = [0, *sorted(inner), WINDOWS]
    return draw(st.permutations(list(pairwise(borders))))


@given(rounds=rounds, first=cuts(), second=cuts())
@settings(
    max_examples=4,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_table_does_not_depend_on_the_cut(
    stack: Stack,
    numbers: Iterator[int],
    rounds: list[list[Record]],
    first: list[tuple[int, int]],
    second: list[tuple[int, int]],
) -> None:
    with TemporaryDirectory() as folder:
        pipeline = make_pipeline(stack, f"web_traffic_{next(numbers)}", Path(folder) / "checkpoint")
        pipeline.produce(event(at(5 * WINDOWS + 7)), at=MIDNIGHT_MS + 40 * MINUTE_MS)  # all else comes late
        pipeline.run()
        for sent in rounds:
            for minute, sent_ms, partition in sent:
                pipeline.produce(event(at(minute), f"{minute}.example"), at=sent_ms, partition=partition)
            pipeline.run()
        restate_all(pipeline, first)
        assert figures(restate(pipeline, at(0), at(5 * WINDOWS)))[1] == 0
        assert restate_all(pipeline, second) == 0
        recount = pipeline.recount()
        assert recount.is_right, recount


def restate_all(pipeline: Pipeline, intervals: list[tuple[int, int]]) -> int:
    """Restate intervals of windows, and return how many rows have changed."""
    return sum(figures(restate(pipeline, at(5 * start), at(5 * end)))[1] for start, end in intervals)


def at(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
