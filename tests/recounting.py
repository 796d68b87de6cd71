"""The parts of a recount, applied to lists that are whole."""

from collections import Counter
from itertools import groupby

from web_traffic.recount import Recount
from web_traffic.recount.counting import Batch, Tally
from web_traffic.recount.expecting import Expected, Query
from web_traffic.recount.rules import Window


def expect(batches: list[Batch], tallies: list[Tally]) -> Expected:
    """Apply the watermark to all batches, whose counts are known; all closed windows are there at the end."""
    expected = Expected()
    counted = zip(batches, tallies, strict=True)
    for _, pairs in groupby(counted, key=lambda pair: pair[0].query_id):
        own = list(pairs)
        query = Query(expected, own[0][0])
        for batch, found in own:
            query.add(batch, found)
        query.end()
    return expected


def compare(expected: Expected, found: Counter[Window], sealed_until_us: int | None) -> Recount:
    """Compare all windows with those of a table."""
    outcome = Recount()
    outcome.compare(Counter(expected.windows), found.items(), expected.unsure_until_us)
    outcome.add_up(expected)
    outcome.check_seal(expected.sealed_until_us, sealed_until_us)
    return outcome
