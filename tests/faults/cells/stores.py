"""The cells of kills and of the checkpoint again, with the checkpoint on another store than the local disk."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from local_stack import Stack
from tests.faults.cell import Cell
from tests.faults.cells import checkpoint, kills
from tests.faults.trial import Trial
from tests.stores import Folder, Store, running_store
from web_traffic.errors import EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN

TRIALS = {"K": len(kills.TARGETS) * 2, "C": 2}
"""Each target at each of the two batches."""
SOMEBODY = "somebody"


@contextmanager
def on_store(name: str, stack: Stack, folder: Path) -> Iterator[tuple[Store, Mapping[str, str]]]:
    """Put the checkpoint on a store; all trials of a process share it."""
    store = running_store(name)
    yield store, {**store.environment, "CHECKPOINT_LOCATION": f"{store.root}/<name>/checkpoint"}


def quota_is_used_up(trial: Trial) -> None:
    """Let HDFS take no more data below the checkpoint's folder, and then let it again."""
    trial.pipeline.run()
    trial.produce(10_000, hour=2)
    folder = Folder(trial.checkpoint)
    folder.limit(1)
    trial.was_seen = trial.pipeline.submit().returncode == EXIT_TRY_AGAIN
    folder.limit(None)


def rights_are_taken(trial: Trial) -> None:
    """Run as a user who may not write to the checkpoint, and then as one who may."""
    Folder(trial.checkpoint).make()
    refused = trial.pipeline.submit(HADOOP_USER_NAME=SOMEBODY)
    trial.was_seen = refused.returncode == EXIT_NEEDS_ATTENTION and f"user={SOMEBODY}" in refused.stdout


OF_KILLS = tuple(cell for cell in kills.CELLS if cell.name in kills.KILL_POINTS)
OF_ANY_STORE = tuple(cell for cell in checkpoint.CELLS if cell.name not in ("C5", "C6"))
OF_HDFS = (
    Cell("C5", "checkpoint's quota used up", quota_is_used_up),
    Cell("C6", "no right to write to the checkpoint", rights_are_taken),
)


def _on(name: str, cell: Cell) -> Cell:
    return replace(
        cell,
        name=f"{cell.name}-{name}",
        title=f"{cell.title}, checkpoint on {name}",
        trials=TRIALS[cell.name[0]],
        around=partial(on_store, name),
    )


CELLS = (
    *(_on("HDFS", cell) for cell in (*OF_KILLS, *OF_ANY_STORE, *OF_HDFS)),
    *(_on("S3", cell) for cell in (*OF_KILLS, *OF_ANY_STORE)),
)
