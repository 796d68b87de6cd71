"""Seeded web traffic with ground truth, for the demo, the tests and the benchmarks.

    traffic = Traffic(seed=7)
    truth = Truth()
    for event in traffic.events(start, end, count=1_000_000):
        truth.add(event)

`python -m web_traffic.traffic --help` sends it to Kafka.
"""

from web_traffic.traffic.generator import Event, Traffic
from web_traffic.traffic.truth import Truth, WindowHits

__all__ = ["Event", "Traffic", "Truth", "WindowHits"]
