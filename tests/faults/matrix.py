"""Runs the fault matrix: `python -m tests.faults.matrix [--cell K5] [--seed 7] [--trials 3]`.

Trials accumulate in var/faults/results.ndjson by cell, seed and version of the code; what is there is not run again,
so a long matrix can be stopped and goes on where it was. At the end docs/faults.md is written.
"""

import argparse
import multiprocessing
import os
import shutil
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path
from traceback import format_exc

from local_stack import Stack, running
from local_stack.environment import REPO, VAR
from tests.faults import histories, trial, truth, walk
from tests.faults.cell import Cell, NotHere
from tests.faults.cells import CELLS, MODULES
from tests.faults.trial import Outcome
from tests.homes import fresh_home
from tests.results import Results, digest

FOLDER = VAR / "faults"
PAGE = REPO / "docs" / "faults.md"
RESULTS = Results(FOLDER / "results.ndjson", PAGE)
INTRODUCTION = """\
# What faults leave behind

Each trial sends at least 100,000 events to its own topic. It breaks the real Kafka, PostgreSQL, Spark, network, disk
or checkpoint in one way, and lets the application recover. Then it compares the table, the ledger, the rejected
events and the state store with an independent recount of the topic. In half of the trials, a successful run came
first. Kills alternate between the JVM, the Python process at the point and the whole process group, and between the
first and the second batch of a run. If Kafka lost records, the recount takes them from what the trial read before.
Cells whose names end in HDFS or S3 have their checkpoint there.

The cells H, T and R are different. They take steps: events, runs, restatements, redrives, restores of a part of the
pipeline, and the way out of a refusal. They send few events, each with its own host. After each run, the trial
compares all events so far with the table. At the end it restates all windows and compares again: a missing event must
lie in a gap that was accepted and recorded, or be too late. The runs share a warm Spark, except those that are killed.

`make faults` runs the missing trials and writes this page; `make faults CELL=K5 SEED=7` runs one trial again. *Lost*,
*duplicate* and *wrong* are rows of the result table. *Unaccounted* are events on which books, ledger, rejected
events, state store and recount do not agree. *Recovery* is the time from the end of the fault to the end of the run
that brought the table up to date, including a start of Spark; up to four trials ran at the same time, on {cores}
cores. *Seen* are trials in which a run ended with an error, which Airflow retries or alerts on. In the other trials,
the run itself survived the fault. *Code* is a digest of the application and of the tried cell. A result of another
version or of another machine stays here until `make faults` tries the cell again.

| Cell | Fault | n | lost | duplicate | wrong | unaccounted | recovery, s (median, max) | seen | code |
|---|---|---|---|---|---|---|---|---|---|
"""


def main() -> int:
    """Run the trials that are missing; returns 1 if any trial has left something wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.matrix", description=__doc__)
    parser.add_argument("--cell", choices=CELLS, action="append", help="only this cell (repeatable)")
    parser.add_argument("--seed", type=int, help="one trial with this seed, whether it was run or not")
    parser.add_argument("--trials", type=int, default=sys.maxsize, help="at most so many trials a cell")
    parser.add_argument("--lanes", type=int, default=1, help="trials at the same time, each on a stack of its own")
    options = parser.parse_args()
    plan = [
        (cell.name, seed)
        for cell in (CELLS[name] for name in options.cell or CELLS)
        for seed in ([options.seed] if options.seed else range(1, min(options.trials, cell.trials) + 1))
        if options.seed or seed not in done(cell)
    ]
    broken = 0
    lanes = [(number, plan[number :: options.lanes]) for number in range(min(options.lanes, len(plan)))]
    if lanes:
        with ProcessPoolExecutor(len(lanes), multiprocessing.get_context("spawn")) as pool:
            broken = sum(pool.map(run_lane, lanes))
    introduction = INTRODUCTION.format(cores=os.cpu_count())
    PAGE.write_text(introduction + "".join(line(cell) for cell in CELLS.values()))
    return (
        0
        if not broken and all(outcome.is_clean for cell in CELLS.values() for outcome in newest_results(cell)[1])
        else 1
    )


def run_lane(lane: tuple[int, list[tuple[str, int]]]) -> int:
    """Run trials one after another, and return how many did not come to an outcome."""
    number, plan = lane
    broken = 0
    with running(Stack.create(fresh_home(f"faults-{number}")), "postgres", "kafka") as stack:
        for place, (name, seed) in enumerate(plan, 1):
            cell = CELLS[name]
            try:
                outcome = run_trial(stack, cell, seed, FOLDER / f"lane-{number}")
            except NotHere as reason:
                print(f"{number + 1}: {place}/{len(plan)} {name}: {reason}", flush=True)
                continue
            except Exception:  # noqa: BLE001  whatever it was, the other trials can do without it
                print(f"{number + 1}: {place}/{len(plan)} BROKEN: {name}, seed {seed}\n{format_exc()}", flush=True)
                broken += 1
                continue
            RESULTS.keep(asdict(outcome), code_version(cell))
            print(
                f"{number + 1}: {place}/{len(plan)} {'clean' if outcome.is_clean else 'WRONG'}: {outcome}", flush=True
            )
    return broken


def run_trial(stack: Stack, cell: Cell, seed: int, folder: Path, *, is_small: bool = False) -> Outcome:
    """Prepare, break, recover and compare."""
    shutil.rmtree(folder, ignore_errors=True)
    with cell.around(stack, folder) as (tool, environment):
        one = cell.kind(stack, folder, seed, tool, is_small=is_small, **environment)
        one.prepare()
        cell.break_it(one)
        return one.compare(cell.name, one.recover())


@cache
def code_version(cell: Cell) -> str:
    """Return a digest of what a trial of the cell is about: the application, and the cell's own code."""
    own = [module for module in MODULES if cell in module.CELLS]
    parts = (trial, *(walk, histories, truth) * (cell.kind is walk.Walk), *own)
    return digest(Path(str(module.__file__)) for module in parts)


def done(cell: Cell) -> set[int]:
    """Return the seeds of which there is a trial of this version."""
    version, outcomes = newest_results(cell)
    return {outcome.seed for outcome in outcomes} if version == code_version(cell) else set()


def newest_results(cell: Cell) -> tuple[str, list[Outcome]]:
    """Return the cell's trials of the version that was tried last; of a trial that was run again, the last."""
    version, rows = RESULTS.newest(cell.name)
    newest = {row["seed"]: Outcome(**row) for row in rows}
    return version or code_version(cell), list(newest.values())


def line(cell: Cell) -> str:
    """Return the cell's row of the page; without a trial here, the one that it has."""
    version, mine = newest_results(cell)
    if not mine:
        return RESULTS.shown(cell.name, untried=f"| {cell.name} | {cell.title} | 0 | | | | | | | |\n")
    sums = (sum(getattr(outcome, name) for outcome in mine) for name in ("lost", "duplicate", "wrong", "unaccounted"))
    seconds = [outcome.recovery_seconds for outcome in mine]
    seen = sum(outcome.was_seen for outcome in mine)
    figures = " | ".join(map(str, sums))
    recovery = f"{statistics.median(seconds):.1f}, {max(seconds):.1f}"
    return f"| {cell.name} | {cell.title} | {len(mine)} | {figures} | {recovery} | {seen} | {version[:7]} |\n"


if __name__ == "__main__":
    sys.exit(main())
