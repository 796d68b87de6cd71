"""Shows that the tests bite: `python -m tests.mutants [--only NAME] [--all-tests]`.

Each mutant is a fault in one place of the source. It goes into a copy of the repository in var/mutants, and there its
test must fail. First, the same tests must pass without a mutant. Exit code 0: each mutant was caught; 1: some
survived; 2: the tests fail without a mutant, or a mutant could not be tried.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import PurePath

from local_stack.errors import StackError
from local_stack.locks import alone
from tests.mutants.mutant import Mutant, SourceChanged
from tests.mutants.mutants import MUTANTS
from tests.mutants.sandbox import (
    ALL_TESTS,
    ALL_TESTS_LIMIT_SECONDS,
    COPY,
    FOLDER,
    LIMIT_SECONDS,
    Outcome,
    make_copy,
    run_tests,
    seeded,
)

ALL_CAUGHT, SOME_SURVIVED, BROKEN = 0, 1, 2
LAST_LINES = 30


def main() -> int:
    """Try the mutants, print what caught them, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", help="only this mutant (repeatable)")
    parser.add_argument("--all-tests", action="store_true", help="try all tests on each mutant, not only its own")
    options = parser.parse_args()
    if unknown := set(options.only or ()) - {mutant.name for mutant in MUTANTS}:
        parser.error(f"no mutant is named {', '.join(unknown)}; there are:\n" + "\n".join(m.name for m in MUTANTS))
    mutants = [mutant for mutant in MUTANTS if not options.only or mutant.name in options.only]
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with alone(FOLDER, "tries mutants in"):
            make_copy()
            for mutant in mutants:
                mutant.apply((COPY / mutant.file).read_text())
            return try_all(mutants, all_tests=options.all_tests)
    except (StackError, SourceChanged) as error:
        print(error)
        return BROKEN


def try_all(mutants: Sequence[Mutant], *, all_tests: bool) -> int:
    """Try the tests without a mutant, then each mutant."""
    print(f"  … the tests of {len(mutants)} mutants, without a mutant", flush=True)
    limit = ALL_TESTS_LIMIT_SECONDS if all_tests else LIMIT_SECONDS
    sound = run_tests(ALL_TESTS if all_tests else sorted({mutant.node for mutant in mutants}), limit * 4)
    if not sound.has_passed:
        print(f"The tests fail without a mutant:\n{tail(sound)}")
        return BROKEN
    print(f"The tests pass without a mutant ({sound.seconds:.0f} s)", flush=True)
    runs: list[tuple[Mutant, Outcome]] = []
    for place, mutant in enumerate(mutants, 1):
        with seeded(mutant):
            run = run_tests(ALL_TESTS if all_tests else [mutant.node], limit)
        runs.append((mutant, run))
        print(f"{place}/{len(mutants)} {word(run)}: {mutant.name} ({run.seconds:.0f} s)", flush=True)
        if not (run.failed_test or run.has_passed):
            print(tail(run), flush=True)
    print_table(runs)
    if survivors := [mutant.name for mutant, run in runs if run.has_passed]:
        print(f"\n{len(survivors)} of {len(runs)} mutants survived: {'; '.join(survivors)}")
    if not all(run.failed_test or run.has_passed for _, run in runs):
        return BROKEN
    return SOME_SURVIVED if survivors else ALL_CAUGHT


def word(run: Outcome) -> str:
    if run.has_passed:
        return "SURVIVED"
    return "caught" if run.failed_test else "BROKEN"


def print_table(runs: Sequence[tuple[Mutant, Outcome]]) -> None:
    print("\n| Mutant | Place | Caught by | Seconds |\n|---|---|---|---|")
    for mutant, run in runs:
        caught_by = run.failed_test.rpartition("::")[2] if run.failed_test else word(run)
        print(f"| {mutant.name} | {PurePath(mutant.file).name} | {caught_by} | {run.seconds:.0f} |")


def tail(run: Outcome) -> str:
    reason = "not in time" if run.exit_code is None else f"pytest ended with exit code {run.exit_code}"
    return "\n".join([f"  {reason}:", *(f"  {line}" for line in run.output.splitlines()[-LAST_LINES:])])


if __name__ == "__main__":
    sys.exit(main())
