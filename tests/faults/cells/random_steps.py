"""Random steps: whatever happens to log, checkpoint and database, nothing is lost in silence."""

from collections.abc import Callable
from datetime import timedelta

from tests.faults.cell import Cell
from tests.faults.cells.histories import one_broker
from tests.faults.cells.times import FORMS
from tests.faults.walk import ANY_LATENESS, KILL_POINTS, START, Walk
from web_traffic.kafka import describe_topic
from web_traffic.window_length import WINDOW

STEPS = 60
FEW_STEPS = 12
MOST_PARTITIONS = 6


def take_steps(walk: Walk) -> None:
    """Take random steps; the first events are there before. A short walk leaves kills to their own cells."""
    walk.traffic()
    walk.run()
    chances = {step: weight for step, weight in WEIGHTS.items() if not (walk.is_short and step is kill)}
    steps, weights = zip(*chances.items(), strict=True)
    for _ in range(FEW_STEPS if walk.is_short else STEPS):
        [step] = walk.random.choices(steps, weights)
        step(walk)


def send(walk: Walk) -> None:
    walk.advance(walk.random.uniform(0.2, 6))
    walk.send(walk.random.randint(3, 12))


def send_late(walk: Walk) -> None:
    walk.send(walk.random.randint(1, 4), late=timedelta(minutes=walk.random.uniform(6, 55)))


def send_with_an_odd_timestamp(walk: Walk) -> None:
    form = walk.random.choice(sorted(FORMS))
    walk.send(walk.random.randint(1, 4), sent_ms=FORMS[form](int(walk.clock.timestamp() * 1000)))


def kill(walk: Walk) -> None:
    walk.run()  # a run that is refused does not come to the point
    send(walk)
    walk.kill(walk.random.choice(KILL_POINTS), walk.random.choice(["jvm", "python", "group"]))


def put_back_database(walk: Walk) -> None:
    if walk.database:
        walk.put_back_database()


def put_back_checkpoint(walk: Walk) -> None:
    if walk.checkpoint_copy:
        walk.put_back_checkpoint()


def delete_records(walk: Walk) -> None:
    topic = describe_topic(walk.pipeline.settings)
    partition = walk.random.choice(sorted(topic.end_offsets))
    first, end = topic.first_offsets[partition], topic.end_offsets[partition]
    walk.delete_records(partition, walk.random.randint(first, end))


def cut(walk: Walk) -> None:
    partition = walk.random.choice(sorted(describe_topic(walk.pipeline.settings).end_offsets))
    walk.cut(partition, walk.random.randint(1, 3))


def add_partition(walk: Walk) -> None:
    if len(describe_topic(walk.pipeline.settings).end_offsets) < MOST_PARTITIONS:
        walk.add_partition()


def restate(walk: Walk) -> None:
    windows = max((walk.clock - START) // WINDOW, 1)
    first = walk.random.randrange(windows)
    start = START + first * WINDOW
    end = start + walk.random.randint(1, max(windows - first, 1)) * WINDOW
    settings = {"ALLOWED_LATENESS": ANY_LATENESS} if walk.random.random() < 0.5 else {}
    walk.restate(start, end, **settings)


def rebuild(walk: Walk) -> None:
    walk.run(REBUILD_CHECKPOINT="true")


def accept(walk: Walk) -> None:
    walk.run(ACCEPT_DATA_LOSS="true")


WEIGHTS: dict[Callable[[Walk], object], int] = {
    send: 12,
    Walk.run: 12,
    send_late: 4,
    send_with_an_odd_timestamp: 4,
    kill: 2,
    Walk.copy_database: 3,
    put_back_database: 3,
    Walk.copy_checkpoint: 3,
    put_back_checkpoint: 3,
    delete_records: 3,
    cut: 2,
    add_partition: 1,
    restate: 4,
    Walk.redrive: 2,
    rebuild: 2,
    accept: 1,
}

CELLS = (Cell("R1", "random steps", take_steps, trials=20, around=one_broker, kind=Walk),)
