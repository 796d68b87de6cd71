"""Kafka timestamps that are no times, or are out of order."""

from datetime import timedelta
from functools import partial

from tests.faults.cell import Cell
from tests.faults.walk import Walk

FORMS = {
    "none": lambda at_ms: -1,
    "zero": lambda at_ms: 0,
    "seconds": lambda at_ms: at_ms // 1000,
    "microseconds": lambda at_ms: at_ms * 1000,
    "ahead": lambda at_ms: at_ms + 90_000_000,
    "of the day before": lambda at_ms: at_ms - 86_400_000,
}
"""What a producer may write in the place of milliseconds since 1970."""


def written_as(form: str, walk: Walk) -> None:
    """Send events with such timestamps among others; some of them late, so that a restatement has to find them."""
    for _ in range(3):
        walk.traffic()
        sent_ms = FORMS[form](int(walk.clock.timestamp() * 1000))
        walk.send(5, sent_ms=sent_ms)
        walk.send(3, late=timedelta(minutes=20), sent_ms=sent_ms)
        walk.run()
    walk.redrive()


def out_of_order(walk: Walk) -> None:
    """Send timestamps that jump by minutes, hours and days."""
    for _ in range(4):
        walk.advance(5)
        at_ms = int(walk.clock.timestamp() * 1000)
        for minutes in walk.random.sample([-4, -1, 0, 3, 60, 600, 1440, 4320], 5):
            walk.send(2, sent_ms=at_ms + minutes * 60_000)
            walk.send(1, late=timedelta(minutes=30), sent_ms=at_ms + minutes * 60_000)
        walk.run()


def beyond_spark(walk: Walk) -> None:
    """Send events that Spark can't read among others, take the way out, and bring them back by a redrive."""
    walk.traffic()
    walk.run()
    for _ in range(2):
        walk.traffic()
        walk.send(2, sent_ms=int(walk.clock.timestamp() * 1000) * 1_000_000)
        walk.send(3)
    walk.run()
    walk.redrive()


CELLS = (
    *(
        Cell(f"T{number}", f"Kafka timestamps: {form}", partial(written_as, form), kind=Walk)
        for number, form in enumerate(FORMS, 1)
    ),
    Cell("T7", "Kafka timestamps out of order", out_of_order, kind=Walk),
    Cell("T8", "Kafka timestamps that Spark can't read", beyond_spark, kind=Walk),
)
