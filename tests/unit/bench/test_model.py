"""The cost model."""

import pytest

from bench.model import PARTS, fit, predict
from bench.results import Observation

COSTS = (4.0, 3.0, 20.0, 5.0)
SIZES = ((20_000, 5_000, 900), (2_000_000, 130_000, 12_000), (8_000_000, 600_000, 11_000), (2_000_000, 9, 2_000_000))


def test_a_model_that_is_true_is_found() -> None:
    seen = [Observation("", *sizes, wall=0, cpu=0) for sizes in SIZES]
    seen = [Observation("", *sizes, wall=predict(one, COSTS), cpu=1) for one, sizes in zip(seen, SIZES, strict=True)]
    assert fit(seen, "wall") == pytest.approx(COSTS)
    assert len(COSTS) == len(PARTS)
