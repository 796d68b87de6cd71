"""The cells of the matrix: each is a way to break a run of the real stack."""

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from local_stack.lifecycle import up
from tests.faults.stopped import stopped_at, wait_until
from tests.faults.trial import Trial


@dataclass(frozen=True)
class Cell:
    """One way to break it; `break_it` returns when the fault is over and everything may recover."""

    name: str
    title: str
    break_it: Callable[[Trial], None]
    trials: int = 5


KILL_POINTS = {
    "K1": ("before offsets", "before Spark's offset log"),
    "K2": ("offsets logged", "after the offset log, before the batch"),
    "K3": ("copying", "half-way through a task's COPY"),
    "K4": ("windows staged", "while tasks commit their state"),
    "K5": ("before begin", "before BEGIN"),
    "K6": ("batch committed", "after COMMIT, before Spark's commit log"),
    "K7": ("stream ended", "after Spark's commit log, before the run's books"),
}
BATCH_POINTS = ("offsets logged", "before begin", "batch committed")
TARGETS = ("jvm", "python", "group")


def kill(point: str, trial: Trial) -> None:
    """Kill a run at a point: its JVM, the Python process at the point, or all of it.

    Of a run's two batches the first reads and the second writes: half of the kills at a batch's points are at each.
    """
    nth = 1 + trial.seed // len(TARGETS) % 2 if point in BATCH_POINTS else 1
    with stopped_at(trial.pipeline, point, nth) as run:
        run.kill(TARGETS[trial.seed % len(TARGETS)])
    trial.was_seen = True


def zombie(trial: Trial) -> None:
    """Lose the Airflow worker: its run lives on while the retry starts, and both come to their end."""
    with stopped_at(trial.pipeline, trial.random.choice(BATCH_POINTS), nth=trial.random.choice([1, 2])) as run:
        retry = trial.pipeline.start()
        wait_until(lambda: _is_waiting_for_its_turn(trial), "a retry that waits for the run before")
        run.go_on()
        assert run.wait()[0] == 0
        assert retry.wait(180) == 0, retry.communicate()[0]
        retry.communicate()


def postgres_restarts(signal_number: int, trial: Trial) -> None:
    """Restart PostgreSQL in the middle of a batch."""
    with stopped_at(trial.pipeline, "before begin") as run:
        postmaster = (trial.stack.home / "postgres" / "postmaster.pid").read_text().splitlines()[0]
        psutil.Process(int(postmaster)).send_signal(signal_number)
        psutil.wait_procs([psutil.Process(int(postmaster))], timeout=60)
        run.go_on()
        assert run.wait()[0] != 0
    trial.was_seen = True
    up(trial.stack, "postgres")


def sessions_are_ended(trial: Trial) -> None:
    """Have an administrator end all sessions of the writer."""
    with stopped_at(trial.pipeline, "before begin") as run:
        with trial.pipeline.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
        run.go_on()
        run.wait()


def table_is_locked(trial: Trial) -> None:
    """Hold a lock on the result table for longer than a commit waits."""
    with trial.pipeline.owner() as connection:
        connection.execute("LOCK TABLE aggregated_web_traffic IN ACCESS EXCLUSIVE MODE")
        assert trial.pipeline.submit().returncode == 1
    trial.was_seen = True


def database_is_read_only(trial: Trial) -> None:
    """Make the database read only, as a failover to a standby would."""
    name = trial.pipeline.settings.postgres_url.rpartition("/")[2]
    with trial.pipeline.owner() as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert trial.pipeline.submit().returncode == 1
    trial.was_seen = True
    with trial.pipeline.owner() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")


def kafka_is_down_at_start(trial: Trial) -> None:
    """Start a run while the broker is down."""
    down_and_up_again(trial, lambda: trial.pipeline.submit().returncode)


def kafka_dies_in_the_middle(trial: Trial) -> None:
    """Kill the broker after the offsets are planned and before they are read."""
    with stopped_at(trial.pipeline, "offsets logged") as run:

        def end_the_run() -> int:
            run.go_on()
            return run.wait()[0]

        down_and_up_again(trial, end_the_run)


def down_and_up_again(trial: Trial, run: Callable[[], int]) -> None:
    """Have a run end while the broker is down."""
    [broker] = [p for p in psutil.process_iter(["cmdline"]) if _is_broker_of(trial, p)]
    broker.send_signal(signal.SIGSTOP)
    try:
        trial.was_seen = run() != 0
    finally:
        broker.send_signal(signal.SIGCONT)


def partitions_are_added(point: str | None, trial: Trial) -> None:
    """Add partitions to the topic, before a run or between a failed run and its retry."""
    admin = AdminClient({"bootstrap.servers": trial.pipeline.settings.kafka_url})
    topic = trial.pipeline.settings.kafka_topic
    if point:
        kill(point, trial)
    admin.create_partitions([NewPartitions(topic, 7)])[topic].result(30)
    trial.produce(10_000, hour=2)


def transactions_are_aborted(trial: Trial) -> None:
    """Abort a producer's transaction of a thousand events, and commit another one."""
    settings = trial.pipeline.settings
    producer = Producer({"bootstrap.servers": settings.kafka_url, "transactional.id": settings.kafka_topic})
    producer.init_transactions(30)
    for end in (producer.abort_transaction, producer.commit_transaction):
        producer.begin_transaction()
        for number in range(1000):
            producer.produce(settings.kafka_topic, f'{{"host": "{number}", "event_time": "2026-03-29T01:30:00Z"}}')
        producer.flush(30)
        end(30)


def checkpoint_loses(name: str, trial: Trial) -> None:
    """Lose a part of the checkpoint, and have a person rebuild it if the run refuses."""
    trial.pipeline.run()
    trial.produce(10_000, hour=2)
    checkpoint = trial.pipeline.checkpoint
    match name:
        case "folder":
            shutil.rmtree(checkpoint)
        case "metadata":
            (checkpoint / "metadata").unlink()
        case "last commit":
            newest = max(int(file.name) for file in (checkpoint / "commits").iterdir() if file.name.isdecimal())
            for file in (checkpoint / "commits").glob(f"*{newest}*"):
                file.unlink()
        case "offsets":
            newest = max(int(file.name) for file in (checkpoint / "offsets").iterdir() if file.name.isdecimal())
            (checkpoint / "offsets" / str(newest)).write_text("v1\n{")
    result = trial.pipeline.submit()
    trial.was_seen = result.returncode != 0
    if trial.was_seen:
        trial.flags = {"REBUILD_CHECKPOINT": "true"}


def two_at_once(trial: Trial) -> None:
    """Start two runs at the same time, as two schedulers would."""
    runs = [trial.pipeline.start() for _ in range(2)]
    for run in runs:
        output, _ = run.communicate(timeout=180)
        assert run.returncode == 0, output


def clock_zone_changes(trial: Trial) -> None:
    """Run in a zone with daylight saving, over the hour that it skips."""
    trial.pipeline.run(TZ="Europe/Berlin")
    trial.produce(10_000, hour=2)


def _is_waiting_for_its_turn(trial: Trial) -> bool:
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    return bool(trial.pipeline.query(waiting))


def _is_broker_of(trial: Trial, process: psutil.Process) -> bool:
    command = process.info["cmdline"] or []
    return "kafka.Kafka" in command and str(trial.stack.home) in " ".join(command)


CELLS = {
    cell.name: cell
    for cell in (
        *(Cell(name, f"killed {title}", partial(kill, point), 30) for name, (point, title) in KILL_POINTS.items()),
        Cell("K8", "zombie: the worker is lost, its run lives on, the retry starts", zombie, 30),
        Cell("P1", "PostgreSQL shut down (fast) before a commit", partial(postgres_restarts, signal.SIGINT)),
        Cell("P2", "PostgreSQL crashes before a commit", partial(postgres_restarts, signal.SIGQUIT)),
        Cell("P3", "sessions ended by an administrator", sessions_are_ended),
        Cell("P4", "result table locked", table_is_locked),
        Cell("P5", "database read only", database_is_read_only),
        Cell("B1", "broker hangs at the start", kafka_is_down_at_start),
        Cell("B2", "broker hangs between planning and reading", kafka_dies_in_the_middle),
        Cell("B3", "partitions added before a run", partial(partitions_are_added, None)),
        Cell(
            "B4",
            "partitions added between a failure and its retry",
            partial(partitions_are_added, "offsets logged"),
        ),
        Cell("B5", "aborted transactions in the topic", transactions_are_aborted),
        Cell("C1", "checkpoint folder lost", partial(checkpoint_loses, "folder")),
        Cell("C2", "checkpoint's metadata lost", partial(checkpoint_loses, "metadata")),
        Cell("C3", "last commit file lost", partial(checkpoint_loses, "last commit")),
        Cell("C4", "newest offset file truncated", partial(checkpoint_loses, "offsets")),
        Cell("T1", "two runs at once", two_at_once),
        Cell("T2", "machine in a zone with daylight saving", clock_zone_changes),
    )
}
