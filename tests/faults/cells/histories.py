"""Kafka's log, checkpoint and database of different times, and a person who takes the way out that is named."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from local_stack import Stack
from tests.faults.brokers import Cluster, running_brokers
from tests.faults.cell import Cell
from tests.faults.walk import KILL_POINTS, Walk
from web_traffic.kafka import describe_topic


def runs(walk: Walk, number: int) -> None:
    """Run that many times, each time with new events that close a window."""
    for _ in range(number):
        walk.traffic()
        walk.run()


def database_goes_back(behind: int, new_events: bool, walk: Walk) -> None:
    """Restore the database from a copy that is some runs old."""
    runs(walk, walk.random.randint(1, 3))
    walk.copy_database()
    runs(walk, behind)
    walk.put_back_database()
    if new_events:
        walk.traffic()


def checkpoint_goes_back(behind: int, walk: Walk) -> None:
    """Restore the checkpoint from a copy that is some runs old."""
    runs(walk, walk.random.randint(1, 3))
    walk.copy_checkpoint()
    runs(walk, behind)
    walk.put_back_checkpoint()
    walk.traffic()


def both_go_back(database_behind: int, checkpoint_behind: int, walk: Walk) -> None:
    """Restore both, from copies of different times."""
    runs(walk, 1)
    for left in range(max(database_behind, checkpoint_behind), 0, -1):
        if left == database_behind:
            walk.copy_database()
        if left == checkpoint_behind:
            walk.copy_checkpoint()
        runs(walk, 1)
    walk.put_back_database()
    walk.put_back_checkpoint()
    walk.traffic()


def database_goes_back_after_a_kill(walk: Walk) -> None:
    """Restore the database from a copy that was taken after a run was killed."""
    runs(walk, 2)
    walk.traffic()
    walk.kill(walk.random.choice(KILL_POINTS))
    walk.copy_database()
    runs(walk, 2)
    walk.put_back_database()
    walk.traffic()


def database_goes_back_behind_a_rebuild(walk: Walk) -> None:
    """Restore the database from a copy that knows nothing of the checkpoint."""
    runs(walk, 2)
    walk.copy_database()
    walk.traffic()
    walk.lose_checkpoint()
    walk.run()
    runs(walk, 2)
    walk.put_back_database()
    walk.traffic()


def restated_before_the_way_out(walk: Walk) -> None:
    """Restore the database, and restate before any run has taken the way out."""
    runs(walk, 3)
    walk.copy_database()
    runs(walk, 3)
    walk.put_back_database()
    start = walk.clock.replace(minute=0)
    walk.restate(start.replace(hour=start.hour - 1), start)
    walk.traffic()


def retention_comes_first(is_rebuild: bool, walk: Walk) -> None:
    """Delete records of which some were not read yet; the checkpoint may be lost, too."""
    runs(walk, 2)
    read = describe_topic(walk.pipeline.settings).end_offsets
    walk.traffic(2)
    ends = describe_topic(walk.pipeline.settings).end_offsets
    for partition, end in ends.items():
        walk.delete_records(partition, walk.random.randint(read[partition] // 2, end))
    if is_rebuild:
        walk.lose_checkpoint()


def tail_is_lost(has_grown: bool, walk: Walk) -> None:
    """Restore the disk of the only broker from an older copy: the log is shorter, or has grown again since."""
    runs(walk, 3)
    walk.cut(walk.random.choice("0123"), batches=walk.random.randint(1, 4))
    if has_grown:
        walk.traffic(3, each=30)


def tail_is_lost_of_what_was_not_read(walk: Walk) -> None:
    """Lose newest records that no run has read yet, and those before them."""
    runs(walk, 2)
    walk.traffic()
    walk.cut(walk.random.choice("0123"), batches=6)
    walk.traffic()


def new_partition_loses_its_head(walk: Walk) -> None:
    """Add a partition, and delete its first records before a run has seen them."""
    runs(walk, 2)
    walk.add_partition()
    walk.advance(3)
    walk.send(10, partition=4)
    walk.delete_records("4", 6)


def topic_is_made_anew(has_more: bool, walk: Walk) -> None:
    """Make the topic anew while windows are open."""
    runs(walk, 2)
    walk.make_topic_anew()
    walk.traffic(3 if has_more else 1, each=40 if has_more else 3)


def redriven_and_restored(walk: Walk) -> None:
    """Redrive events, restore the database to a time before, and redrive again."""
    runs(walk, 1)
    walk.advance(2)
    walk.send(5, sent_ms=int(walk.clock.timestamp() * 1000) - 3_600_000)
    walk.run()
    walk.copy_database()
    walk.redrive()
    if walk.random.random() < 0.5:
        walk.run()
    walk.put_back_database()
    walk.redrive()


def checkpoint_part_is_lost(part: str, walk: Walk) -> None:
    """Lose a part of the checkpoint, as a power cut does."""
    runs(walk, 2)
    checkpoint = walk.pipeline.checkpoint
    match part:
        case "delta":
            newest = max((checkpoint / "state").rglob("*.delta"), key=lambda file: int(file.stem))
            newest.unlink()
        case "metadata":
            (checkpoint / "metadata").write_bytes(b"")
        case "offsets":
            for file in (checkpoint / "offsets").iterdir():
                file.unlink()
        case "state":
            walk.random.choice(list((checkpoint / "state").iterdir())).rename(checkpoint / "lost")
    walk.steps.append(f"lose of the checkpoint: {part}")
    walk.traffic()


@contextmanager
def one_broker(stack: Stack, folder: Path) -> Iterator[tuple[Cluster, Mapping[str, str]]]:
    """Run a broker of the trial's own, whose disk can go back in time."""
    with running_brokers(folder / "brokers", 1) as cluster:
        yield cluster, {"KAFKA_URL": cluster.url}


CELLS = (
    *(
        Cell(name, title, fault, kind=Walk)
        for name, title, fault in (
            ("H1", "database one run behind, new events", partial(database_goes_back, 1, True)),
            ("H2", "database one run behind, nothing new", partial(database_goes_back, 1, False)),
            ("H3", "database two runs behind", partial(database_goes_back, 2, True)),
            ("H4", "database 40 runs behind", partial(database_goes_back, 40, True)),
            ("H5", "checkpoint one run behind", partial(checkpoint_goes_back, 1)),
            ("H6", "checkpoint three runs behind", partial(checkpoint_goes_back, 3)),
            ("H7", "checkpoint 40 runs behind", partial(checkpoint_goes_back, 40)),
            ("H8", "database three runs behind, checkpoint one", partial(both_go_back, 3, 1)),
            ("H9", "database one run behind, checkpoint three", partial(both_go_back, 1, 3)),
            ("H10", "database restored to a time after a kill", database_goes_back_after_a_kill),
            ("H11", "database restored to a time before a rebuild", database_goes_back_behind_a_rebuild),
            ("H12", "restated between a restore and its way out", restated_before_the_way_out),
            ("H13", "records deleted before they were read", partial(retention_comes_first, False)),
            ("H14", "records deleted and checkpoint lost", partial(retention_comes_first, True)),
            ("H15", "a new partition without its first records", new_partition_loses_its_head),
            ("H16", "topic made anew with open windows, shorter", partial(topic_is_made_anew, False)),
            ("H17", "topic made anew with open windows, longer", partial(topic_is_made_anew, True)),
            ("H18", "redriven, database restored, redriven again", redriven_and_restored),
            ("H19", "newest delta of the state missing", partial(checkpoint_part_is_lost, "delta")),
            ("H20", "checkpoint's metadata empty", partial(checkpoint_part_is_lost, "metadata")),
            ("H21", "offsets lost, commits there", partial(checkpoint_part_is_lost, "offsets")),
            ("H22", "folder of the state missing", partial(checkpoint_part_is_lost, "state")),
        )
    ),
    *(
        Cell(name, title, fault, around=one_broker, kind=Walk)
        for name, title, fault in (
            ("H23", "newest records lost that were read", partial(tail_is_lost, False)),
            ("H24", "newest records lost, and the log has grown again", partial(tail_is_lost, True)),
            ("H25", "newest records lost, some of them not read", tail_is_lost_of_what_was_not_read),
        )
    ),
)
