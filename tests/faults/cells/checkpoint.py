"""Faults of the checkpoint."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from local_stack import Stack
from tests.faults.cell import Cell, NotHere
from tests.faults.small_disk import filled, small_disk
from tests.faults.trial import Trial
from tests.pipeline import bound_by_permissions, make_topic, submit
from tests.stores import Folder
from web_traffic.errors import EXIT_NEEDS_ATTENTION

ROOM_BYTES = 60_000


def checkpoint_loses(name: str, trial: Trial) -> None:
    """Lose a part of the checkpoint, and have a person rebuild it if the run refuses."""
    trial.pipeline.run()
    trial.produce(10_000, hour=2)
    checkpoint = Folder(trial.checkpoint)
    match name:
        case "folder":
            checkpoint.delete()
        case "metadata":
            checkpoint.delete("metadata")
        case "last commit":
            checkpoint.delete(f"commits/{checkpoint.newest('commits')}")
        case "offsets":
            checkpoint.write(f"offsets/{checkpoint.newest('offsets')}", b"v1\n{")
    result = trial.pipeline.submit()
    trial.was_seen = result.returncode != 0
    if trial.was_seen:
        trial.flags = {"REBUILD_CHECKPOINT": "true"}


@contextmanager
def on_a_small_disk(stack: Stack, folder: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Put the checkpoint on a small disk."""
    if os.geteuid() != 0:
        raise NotHere("mounting a small disk needs root")
    with small_disk(folder / "small-disk", megabytes=64) as disk:
        yield disk, {"CHECKPOINT_LOCATION": str(disk / "checkpoint")}


def disk_is_full(trial: Trial) -> None:
    """Fill up the checkpoint's disk, but for a little."""
    with filled(trial.tool, trial.random.randrange(ROOM_BYTES)):
        trial.was_seen = trial.pipeline.submit().returncode == 1


def rights_are_taken(trial: Trial) -> None:
    """Take the rights to write to the checkpoint, and give them back."""
    command, checkpoint = trial.pipeline.command, trial.pipeline.checkpoint
    checkpoint.mkdir(exist_ok=True, parents=True)
    checkpoint.chmod(0o500)
    trial.pipeline.command = [*bound_by_permissions(), *submit()]
    trial.was_seen = trial.pipeline.submit().returncode == EXIT_NEEDS_ATTENTION
    checkpoint.chmod(0o700)
    trial.pipeline.command = command


def it_comes_to_another_topic(trial: Trial) -> None:
    """Run with the checkpoint of this topic on another one, and correct the mistake."""
    trial.pipeline.run()
    trial.produce(10_000, hour=2)
    other = f"{trial.pipeline.settings.kafka_topic}_other"
    make_topic(replace(trial.pipeline.settings, kafka_topic=other))
    trial.was_seen = trial.pipeline.submit(KAFKA_TOPIC=other).returncode == EXIT_NEEDS_ATTENTION


CELLS = (
    Cell("C1", "checkpoint folder lost", partial(checkpoint_loses, "folder")),
    Cell("C2", "checkpoint's metadata lost", partial(checkpoint_loses, "metadata")),
    Cell("C3", "last commit file lost", partial(checkpoint_loses, "last commit")),
    Cell("C4", "newest offset file truncated", partial(checkpoint_loses, "offsets")),
    Cell("C5", "disk of the checkpoint full", disk_is_full, around=on_a_small_disk),
    Cell("C6", "no right to write to the checkpoint", rights_are_taken),
    Cell("C7", "checkpoint used with another topic", it_comes_to_another_topic),
)
