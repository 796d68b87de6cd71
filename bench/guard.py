"""Guards against regressions: the ratios to the seed job, against those that are stored in bench/ratios.json."""

import json
from pathlib import Path

from bench.results import Results

FILE = Path(__file__).with_name("ratios.json")
MARGIN = 1.25
"""A ratio may be that many times the stored one before it counts as worse: medians of three rounds are noisy."""


def ratios(results: Results) -> dict[str, float]:
    """The ratios that were measured, by section and measure."""
    return {
        f"{name}: {measure}": round(ratio, 4)
        for name, section in results.sections().items()
        for measure, ratio in section.ratios.items()
    }


def store(results: Results) -> int:
    """Make the measured ratios the ones to compare with."""
    FILE.write_text(json.dumps(ratios(results), indent=1) + "\n")
    return 0


def compare(results: Results) -> int:
    """Print both; returns 1 if one is worse than the margin allows, or if there is none to compare with."""
    if not FILE.exists():
        print(f"There is no {FILE.name} to compare with: `python -m bench --quick --store` makes it.")
        return 1
    stored = json.loads(FILE.read_text())
    worse = 0
    for name, ratio in ratios(results).items():
        is_worse = ratio > stored[name] * MARGIN
        worse += is_worse
        print(f"{name}: {ratio:.3f} of the seed job, stored {stored[name]:.3f}{' WORSE' if is_worse else ''}")
    if worse:
        print(f"{worse} ratios are more than {MARGIN} times what they were: look for the change that did it.")
    return 1 if worse else 0
