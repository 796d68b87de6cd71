"""Are the numbers right? An independent recount of the topic against the result table.

It reads the records of every batch in the ledger again, judges them by rules of its own in plain Python, applies the
watermark batch by batch, lets late events count where a window was restated, and compares with the table, window by
window. `web-traffic recount` prints the outcome.
"""

from datetime import timedelta

from web_traffic.errors import RecountImpossible
from web_traffic.recount.counting import expect, tally
from web_traffic.recount.gaps import accepted
from web_traffic.recount.report import Recount, compare
from web_traffic.recount.restating import Restated
from web_traffic.recount.rules import Future, Hit, Rejected, classify
from web_traffic.recount.sources import offset_ranges, read_topic, read_warehouse
from web_traffic.settings import Settings

__all__ = ["Future", "Hit", "Recount", "RecountImpossible", "Rejected", "classify", "recount"]


def recount(settings: Settings) -> Recount:
    """Recount all batches of the ledger; raises `RecountImpossible`, or `RecordsMissing` if Kafka has deleted some."""
    warehouse = read_warehouse(settings)
    max_clock_skew_us = settings.max_clock_skew // timedelta(microseconds=1)
    restated = Restated(warehouse.restatements, warehouse.batches, max_clock_skew_us, warehouse.rejected_us)
    records = read_topic(settings, offset_ranges(warehouse.batches, warehouse.restatements))
    tallies = tally(restated.watch(records), warehouse.batches, max_clock_skew_us, warehouse.rejected_us)
    expected = expect(warehouse.batches, tallies)
    restated.correct(expected)
    outcome = compare(expected, warehouse.windows, warehouse.sealed_until_us, len(warehouse.batches))
    outcome.ledger_errors[:0] = warehouse.disagreements
    outcome.gaps += accepted(warehouse.batches)
    return outcome
