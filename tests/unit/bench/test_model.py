"""The cost model."""

from dataclasses import replace

import pytest

from bench.model import PARTS, fit, pace, predict
from bench.results import Observation

COSTS = (4.0, 3.0, 20.0, 5.0)
SIZES = ((20_000, 5_000, 900), (2_000_000, 130_000, 12_000), (8_000_000, 600_000, 11_000), (2_000_000, 9, 2_000_000))


def test_a_model_that_is_true_is_found() -> None:
    seen = [Observation("", *sizes, wall=0, cpu=0, postgres=0, kafka=0) for sizes in SIZES]
    seen = [
        Observation("", *sizes, wall=predict(one, COSTS), cpu=1, postgres=1, kafka=1)
        for one, sizes in zip(seen, SIZES, strict=True)
    ]
    assert fit(seen, "wall") == pytest.approx(COSTS)
    assert len(COSTS) == len(PARTS)


def test_a_cluster_is_as_fast_as_its_cores_and_postgresql_s_one_process_gets_busy() -> None:
    """4 CPU seconds of Spark a million events and 20 a million rows; the servers take 1 and 5."""
    parts = {"cpu": (4.0, 4.0, 20.0, 5.0), "postgres": (0.0, 0.0, 5.0, 0.0), "kafka": (0.0, 1.0, 0.0, 0.0)}
    seen = [Observation("", *sizes, wall=1, cpu=0, postgres=0, kafka=0) for sizes in SIZES]
    seen = [replace(one, **{name: predict(one, costs) for name, costs in parts.items()}) for one in seen]
    would = pace(16, 0.1, seen)
    assert would.events == pytest.approx(16 / 6)
    assert would.broker_cores == pytest.approx(16 / 6)
    assert would.postgres_busy == pytest.approx(16 / 6 * 0.1 * 5)
