"""Simulated web traffic from a seed, with its ground truth, for the demo, the tests and the benchmarks.

    traffic = Traffic(seed=7)
    truth = Truth()
    for event in traffic.events(start, end, count=1_000_000):
        truth.add(event)

`python -m simulator` sends it to Kafka; `--help` names its options.
"""

from simulator.generator import Event, Traffic
from simulator.truth import Truth, WindowHits

__all__ = ["Event", "Traffic", "Truth", "WindowHits"]
