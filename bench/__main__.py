"""Runs the benchmark: `python -m bench`, or `python -m bench --quick` for the part that guards against regressions."""

import argparse
import sys
from collections.abc import Callable
from functools import partial

from bench import comparisons, guard, report
from bench.age import age
from bench.empty import empty
from bench.racing import say
from bench.results import Results, Section
from bench.sink import sink
from local_stack import Stack, down, running
from local_stack.environment import VAR

FOLDER = VAR / "bench"
WHOLE: dict[str, Callable[[Stack], Section]] = {
    "empty": empty,
    "small": comparisons.small,
    "cold": comparisons.cold,
    "large": comparisons.large,
    "sink": sink,
    "keys": comparisons.keys,
    "scale": comparisons.scale,
}
ALONE: dict[str, Callable[[Stack], Section]] = {"age": age, "deep": comparisons.deep}
"""They take long, so they are measured only when they are asked for."""
QUICK: dict[str, Callable[[Stack], Section]] = {
    "small": partial(comparisons.small, rounds=3),
    "backlog": comparisons.backlog,
    "sink": partial(sink, ways=("staged", "jdbc"), rows=50_000, rounds=3),
}


def main() -> int:
    """Measure, and write the page, or compare with the stored ratios; returns 1 if one of them is much worse."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small part, compared with bench/ratios.json")
    parser.add_argument("--store", action="store_true", help="with --quick: make its ratios the ones to compare with")
    parser.add_argument("--only", choices=WHOLE | ALONE, action="append", help="only this section (repeatable)")
    options = parser.parse_args()
    results = Results(FOLDER / ("quick_measured.json" if options.quick else "measured.json"))
    sections = QUICK if options.quick else WHOLE | ALONE
    with running(stack(), "postgres", "kafka") as one:
        for name, measure in sections.items():
            if name in (options.only or sections.keys() - ALONE):
                say(f"{name}:")
                results.keep(name, measure(one))
    if options.quick:
        return guard.store(results) if options.store else guard.compare(results)
    report.write(results, WHOLE | ALONE)
    return 0


def stack() -> Stack:
    """The benchmark's own stack; its topics stay from run to run."""
    home = FOLDER / "stack"
    if (home / ".env").exists():
        found = Stack.load(home / ".env", home)
        down(found)
        return found
    home.mkdir(parents=True, exist_ok=True)
    return Stack.create(home)


if __name__ == "__main__":
    sys.exit(main())
