"""Runs the fault matrix: `python -m tests.faults.matrix [--cell K5] [--seed 7] [--trials 3]`.

Trials accumulate in var/faults/results.ndjson by cell, seed and version of the code; what is there is not run again,
so a long matrix can be stopped and goes on where it was. At the end docs/faults.md is written.
"""

import argparse
import hashlib
import json
import shutil
import statistics
import sys
from collections.abc import Iterable

from local_stack import Stack, running
from local_stack.environment import REPO, VAR
from tests.faults.cells import CELLS, Cell
from tests.faults.trial import Outcome, Trial, as_row
from tests.homes import fresh_home

FOLDER = VAR / "faults"
RESULTS = FOLDER / "results.ndjson"
PAGE = REPO / "docs" / "faults.md"
CODE = ("include", "tests/faults")
INTRODUCTION = """\
# What faults leave behind

Each trial sends 100,000 events (and more, where the fault needs them) to a topic of its own, breaks the real Kafka,
PostgreSQL, Spark or checkpoint in one way, lets the application recover, and compares the table, the ledger and the
state store with an independent recount of the topic. Half of the trials break the first run, half a later one; kills
take turns with the JVM, the Python process at the point, and the whole process group.

`make faults` runs what is missing and writes this page; `make faults CELL=K5 SEED=7` runs one trial again. Windows are
rows of the result table. *Unaccounted* are events on which books, ledger, state store and recount do not agree. *Seen*
are trials in which a run ended with an error, which Airflow retries or alerts on.

| Cell | Fault | n | lost | duplicate | wrong | unaccounted | recovery, s (median, max) | seen |
|---|---|---|---|---|---|---|---|---|
"""


def main() -> int:
    """Run the trials that are missing; returns 1 if any trial has left something wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix", description=__doc__)
    parser.add_argument("--cell", choices=CELLS, action="append", help="only this cell (repeatable)")
    parser.add_argument("--seed", type=int, help="one trial with this seed, whether it was run or not")
    parser.add_argument("--trials", type=int, help="at most so many trials a cell")
    options = parser.parse_args()
    cells = [CELLS[name] for name in options.cell or CELLS]
    version = code_version()
    plan = [
        (cell, seed)
        for cell in cells
        for seed in ([options.seed] if options.seed else range(1, min(options.trials or cell.trials, cell.trials) + 1))
        if options.seed or (cell.name, seed) not in done(version)
    ]
    if plan:
        with running(Stack.create(fresh_home("faults")), "postgres", "kafka") as stack:
            for number, (cell, seed) in enumerate(plan, 1):
                outcome = run_trial(stack, cell, seed)
                keep(outcome, version)
                print(f"{number}/{len(plan)} {'clean' if outcome.is_clean else 'WRONG'}: {outcome}", flush=True)
    outcomes = results(version)
    PAGE.write_text(INTRODUCTION + "".join(line(cell, outcomes) for cell in CELLS.values()))
    return 0 if all(outcome.is_clean for outcome in outcomes) else 1


def run_trial(stack: Stack, cell: Cell, seed: int) -> Outcome:
    """Prepare, break, recover and compare."""
    folder = FOLDER / "trial"
    shutil.rmtree(folder, ignore_errors=True)
    trial = Trial(stack, folder, seed)
    trial.prepare()
    cell.break_it(trial)
    return trial.compare(cell.name, trial.recover())


def code_version() -> str:
    """Return a digest of the code that the matrix is about."""
    digest = hashlib.sha256()
    for file in sorted(
        file for folder in CODE for file in (REPO / folder).rglob("*") if file.suffix in (".py", ".sql")
    ):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def done(version: str) -> set[tuple[str, int]]:
    return {(outcome.cell, outcome.seed) for outcome in results(version)}


def results(version: str) -> list[Outcome]:
    """Return the trials of this version; of a trial that was run again, the last."""
    rows = map(json.loads, RESULTS.read_text().splitlines()) if RESULTS.exists() else ()
    newest = {(row["cell"], row["seed"]): row for row in rows if row.pop("version") == version}
    return [Outcome(**row) for row in newest.values()]


def keep(outcome: Outcome, version: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a") as lines:
        lines.write(json.dumps(as_row(outcome) | {"version": version}) + "\n")


def line(cell: Cell, outcomes: Iterable[Outcome]) -> str:
    """Return the cell's row of the page."""
    mine = [outcome for outcome in outcomes if outcome.cell == cell.name]
    if not mine:
        return f"| {cell.name} | {cell.title} | 0 | | | | | | |\n"
    sums = (sum(getattr(outcome, name) for outcome in mine) for name in ("lost", "duplicate", "wrong", "unaccounted"))
    seconds = [outcome.recovery_seconds for outcome in mine]
    seen = sum(outcome.was_seen for outcome in mine)
    figures = " | ".join(map(str, sums))
    recovery = f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"
    return f"| {cell.name} | {cell.title} | {len(mine)} | {figures} | {recovery} | {seen} |\n"


if __name__ == "__main__":
    sys.exit(main())
