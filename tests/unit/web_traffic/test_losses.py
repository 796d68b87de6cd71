"""What Kafka's log lacks of what was read from it, and where a new checkpoint begins without it."""

from uuid import UUID

import pytest

from web_traffic.kafka import Offsets, Topic
from web_traffic.losses import Gap, all_gaps, first_kept, lost_records, lost_topic
from web_traffic.warehouse.history import Past, Span

QUERY = UUID("8f4a4e6e-6a5b-4a6e-9d38-5b8f4f5d0a11")


def topic(**ranges: tuple[int, int]) -> Topic:
    firsts = {name.removeprefix("p"): first for name, (first, _) in ranges.items()}
    ends = {name.removeprefix("p"): end for name, (_, end) in ranges.items()}
    return Topic("traffic", "new", firsts, ends)


@pytest.mark.parametrize(
    ("there", "changed", "gap", "begin"),
    [
        ({"p0": (0, 10)}, {}, {}, {"0": 4}),
        ({"p0": (4, 12)}, {}, {}, {"0": 4}),
        ({"p0": (6, 12)}, {}, {"0": [4, 6]}, {"0": 6}),  # retention
        ({"p0": (0, 7)}, {}, {"0": [7, 10]}, {"0": 4}),  # tail lost
        ({"p0": (0, 7)}, {"0": 5}, {"0": [5, 10]}, {"0": 4}),  # tail lost, and grown again a little
        ({"p0": (0, 2)}, {}, {"0": [2, 10]}, {"0": 2}),  # tail lost, and more than is needed
        ({"p0": (6, 8)}, {}, {"0": [4, 10]}, {"0": 6}),  # both
        ({"p0": (12, 12)}, {}, {"0": [4, 12]}, {"0": 12}),  # all deleted
        ({"p0": (0, 15)}, {"0": 8}, {"0": [8, 10]}, {"0": 4}),  # grown again
        ({"p0": (0, 15)}, {"0": 2}, {"0": [2, 10]}, {"0": 2}),  # from before what is needed
        ({"p0": (0, 10), "p1": (0, 5)}, {}, {}, {"0": 4, "1": 0}),  # a new partition
        ({"p0": (0, 10), "p1": (3, 5)}, {}, {"1": [0, 3]}, {"0": 4, "1": 3}),  # whose head is gone
        ({"p1": (0, 5)}, {}, {"0": [0, 10]}, {"1": 0}),  # a partition is gone
    ],
)
def test_a_log_that_does_not_hold_what_is_needed(
    there: dict[str, tuple[int, int]], changed: Offsets, gap: Gap, begin: Offsets
) -> None:
    span = Span(wanted={"0": 4}, read_until={"0": 10})
    losses = lost_records(span, topic(**there), changed, is_rebuild=True)
    assert all_gaps(losses) == gap
    assert first_kept(span, topic(**there), changed) == begin


@pytest.mark.parametrize(("open_hits", "is_lost"), [(0, False), (3, True), (None, True)])
def test_a_topic_that_was_made_anew_is_a_loss_unless_nothing_was_open(open_hits: int | None, is_lost: bool) -> None:
    past = Past({QUERY: {"topic id": "old"}}, [], QUERY, open_hits)
    losses = lost_topic(past, topic(p0=(0, 1)), Span({"0": 4, "1": 7}, {"0": 10, "1": 7}))
    assert all_gaps(losses) == ({"old/0": [4, 10]} if is_lost else {})


def test_the_same_topic_is_no_loss() -> None:
    past = Past({QUERY: {"topic id": "new"}}, [], QUERY, 3)
    assert lost_topic(past, topic(p0=(0, 1)), None) == []
