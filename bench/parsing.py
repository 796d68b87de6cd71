"""What a Python worker spends on an event: parsing values one by one, and a batch of them together.

`python -m bench.parsing` prints microseconds an event; its figures are in docs/decisions/0011.
"""

import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice

import pyarrow as pa

from bench.loads import Load
from web_traffic import events, precount

EVENTS, BATCH, REPEATS = 120_000, 3_000, 5


def main() -> None:
    """Measure each way over the same events, and print the fastest of its repeats."""
    values = [event.value for event in islice(Load("parsing", EVENTS).generate(), EVENTS)]
    columns = [pa.array(values[start : start + BATCH], pa.binary()) for start in range(0, EVENTS, BATCH)]
    for name, seconds in (
        ("parsed one by one", _fastest(lambda: [list(map(events.parse, column.to_pylist())) for column in columns])),
        ("parsed together", _fastest(lambda: [events.parse_all(column) for column in columns])),
        (
            "judged, and counted batch by batch",
            _fastest(lambda: [list(precount.count([each])) for each in _judge(columns)]),
        ),
        ("judged, and counted ten batches at a time", _fastest(lambda: list(precount.count(_judge(columns))))),
    ):
        sys.stdout.write(f"{name:45} {seconds / EVENTS * 1e6:.2f} µs an event\n")


def _judge(columns: list[pa.Array]) -> Iterator[events.Judged]:
    for column in columns:
        accepted_until = pa.array([2**62] * len(column), events.RECORDS.field("accepted_until").type)
        yield events.judge(pa.record_batch([column, accepted_until], schema=events.RECORDS))


def _fastest(work: Callable[[], object]) -> float:
    def once() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return min(once() for _ in range(REPEATS))


if __name__ == "__main__":
    main()
