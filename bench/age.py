"""Does a checkpoint grow old? Three hundred small runs, each a process of its own, over the same checkpoint."""

import shutil
import statistics
from datetime import timedelta

from bench.line_up import choose
from bench.loads import START, PlainTraffic, environment, make_database, make_topic
from bench.measuring import measure
from bench.racing import FOLDER, say
from bench.results import Goal, Section
from local_stack import Stack
from simulator.sending import Sender
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

EVENTS, MINUTES, LIMIT_SECONDS, TOPIC = 500, 5, 120, "bench_age"
PHASES = """
    SELECT (phases ->> 'books')::double precision FROM etl.run ORDER BY run_id DESC LIMIT 1
"""


def age(stack: Stack, young: tuple[int, int] = (11, 30), old: tuple[int, int] = (281, 300)) -> Section:
    """Compare the runs around the 20th with the last ones, by their medians."""
    [us] = choose("ours")
    variables = environment(stack, TOPIC) | {"CHECKPOINT_LOCATION": str(FOLDER / "checkpoint")}
    settings = Settings.from_environment(variables)
    make_topic(settings)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    make_database(stack)
    traffic, measured = PlainTraffic(12, 60, 400), []
    for number in range(1, old[1] + 1):
        start = START + timedelta(minutes=MINUTES * number)
        sender = Sender(settings, give_up_after=timedelta(minutes=1))
        for event in traffic.events(start, start + timedelta(minutes=MINUTES), EVENTS):
            sender.send(event)
        sender.flush(60)
        cost = measure(us.command(EVENTS), variables, FOLDER / "age.log", LIMIT_SECONDS)
        files = sum(file.is_file() for file in (FOLDER / "checkpoint").rglob("*"))
        with connect(settings) as connection:
            [(load,)] = connection.execute(PHASES.encode()).fetchall()
        measured.append((cost.wall, cost.cpu, load, files))
        if number % 20 == 0:
            say(f"  run {number}: {cost.wall:.1f} s, {files} files")
    first, last = (
        [statistics.median(values) for values in zip(*measured[begin - 1 : end], strict=True)]
        for begin, end in (young, old)
    )
    names = ("wall, s", "CPU, s", "state load, s", "files")
    goals = (("wall", 0), ("state load", 2), ("number of checkpoint files", 3))
    return Section(
        f"Age: {old[1]} runs of {EVENTS} events on one checkpoint",
        ["runs", "n", *names],
        [
            [f"{begin} to {end}", end - begin + 1, *(f"{value:.2f}" for value in medians[:3]), f"{medians[3]:.0f}"]
            for (begin, end), medians in ((young, first), (old, last))
        ],
        [
            Goal(6, f"{text}, runs {old[0]}-{old[1]} against {young[0]}-{young[1]}", 1.1, last[at] / first[at])
            for text, at in goals
        ],
    )
