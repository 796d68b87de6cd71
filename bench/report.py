"""Writes docs/benchmarks.md and its picture from what was measured."""

import os
import platform
import statistics
from collections.abc import Collection
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot

from bench.line_up import EXACT
from bench.loads import Load
from bench.model import PARTS, fit, pace, predict
from bench.results import Goal, Observation, Results, Section
from local_stack.environment import REPO
from local_stack.java import java_version

PAGE = REPO / "docs" / "benchmarks.md"
PICTURE = REPO / "docs" / "benchmarks.svg"
REQUIREMENTS = sorted(Path(__file__).parent.glob("requirements-*.txt"))
ENGINES = ("bytewax==", "apache-flink==", "pathway==", "quixstreams==")
REASONS = "performance.md"
PICTURED = "cold"
CLUSTERS = (2, 16, 64, 256)
INTRODUCTION = """\
# Benchmarks

`make bench` measures this in one go and writes this page, except what takes long: `make bench ONLY=age` and
`make bench ONLY=deep`. `make bench ONLY=large` measures one section again.

All contenders read the same topic from the same broker, into the same PostgreSQL, on the same cores. The topic has
four partitions, lz4, {bytes} bytes an event, and no late or malformed event. Its times are in UTC, so that every
engine can read them. A figure counts only if the contender's table equals the ground truth, row by row. Contenders
take turns, and another one begins each round. Figures are medians of n whole processes, from the start of the first
to the end of the last: wall seconds, CPU seconds of all their processes, and the peak of their proportional set sizes.
The CPU seconds of PostgreSQL and of the broker meanwhile stand beside them. Our table has its unique index, its
triggers and its ledger; the other tables have none of these.

- seed job: Spark as most people write it (`bench/contenders/seed.py`): json_tuple, default settings, JDBC append
- tight script: one Python process, msgspec and COPY (`bench/contenders/script.py`)
- Quix Streams, Bytewax, Pathway and PyFlink: each tuned as its documentation says (`bench/contenders/`)

{versions}, {cores} cores, {date}.

![Events a second, and CPU seconds per million events, of all contenders at 2 million events](benchmarks.svg)

At 2 million events, start included. *Exactly once*: killed anywhere and started again, the table is right, because
offsets and windows change in one transaction. The others may lose or double windows, as we run them.
"""


def write(results: Results, names: Collection[str]) -> None:
    """Write the page and the picture; of these sections it says so if one was not measured yet."""
    kept = results.sections()
    sections = {name: kept[name] for name in names if name in kept}
    missing = [f"`make bench ONLY={name}`" for name in names if name not in kept]
    parts = [introduction()]
    if missing:
        parts.append(f"Not measured here yet: {', '.join(missing)}.\n")
    parts += [goals([goal for section in sections.values() for goal in section.goals])]
    parts += [show(section) for section in sections.values()]
    seen = [one for section in sections.values() for one in section.observations]
    if len(seen) > len(PARTS):
        parts += [cost_model(seen), outlook(seen)]
    PAGE.write_text("\n".join(parts))
    if PICTURED in sections:
        draw(sections[PICTURED])


def introduction() -> str:
    """What was measured, how, and on what."""
    packages = ("pyspark", "apache-airflow", "confluent-kafka", "msgspec", "psycopg")
    versions = [f"Python {platform.python_version()}", f"Java {java_version()}"]
    versions += [f"{name} {version(name)}" for name in packages]
    pins = [pin for file in REQUIREMENTS for pin in file.read_text().split() if pin.startswith(ENGINES)]
    versions += [pin.replace("==", " ") for pin in pins]
    return INTRODUCTION.format(
        bytes=round(statistics.mean(len(event.value or b"") for event in Load("sample", 10_000).generate())),
        versions=", ".join(versions),
        cores=os.cpu_count(),
        date=f"{datetime.now(UTC):%-d %B %Y}",
    )


def goals(found: list[Goal]) -> str:
    """The table of goals."""
    rows = []
    for goal in sorted(found, key=lambda goal: goal.number):
        value = "not measured" if goal.value is None else f"{goal.value:.2f}"
        relation = "at least" if goal.is_least else "at most"
        rows.append(
            [
                goal.number,
                goal.text,
                f"{relation} {goal.limit:g}",
                value,
                "met" if goal.is_met else f"[not met]({REASONS}#goal-{goal.number})",
            ]
        )
    return "## Goals\n\n" + table(["", "ratio", "goal", "measured", ""], rows)


def cost_model(seen: list[Observation]) -> str:
    """The parts of the cost model, and how well it says what was measured."""
    costs = [fit(seen, measure) for measure in ("wall", "cpu", "postgres", "kafka")]
    wall, cpu, *_ = costs
    parts = [[name, *(f"{cost[at]:.2f}" for cost in costs)] for at, name in enumerate(PARTS)]
    rows = []
    for one in seen:
        sizes = [f"{size:,}" for size in (one.events, one.rows, one.keys)]
        seconds = [f"{value:.1f}" for value in (one.wall, predict(one, wall), one.cpu, predict(one, cpu))]
        rows.append([one.load, *sizes, *seconds])
    header = ["load", "events", "rows", "open windows", "wall, s", "by the model", "CPU, s", "by the model"]
    return (
        "## Cost model\n\nFitted to our runs above; [performance.md](performance.md) explains its parts."
        "\n\n" + table(["", "wall", "CPU", "CPU of PostgreSQL", "CPU of Kafka"], parts) + "\n" + table(header, rows)
    )


def outlook(seen: list[Observation]) -> str:
    """What clusters would do by the model, with as many windows per event as the largest load has."""
    largest = max(seen, key=lambda one: one.events)
    rows = []
    for cores in CLUSTERS:
        would = pace(cores, largest.rows / largest.events, seen)
        most = would.events / max(would.postgres_busy, 1)
        rows.append(
            [
                cores,
                f"{would.events * 1000:,.0f}",
                f"{would.broker_cores:.1f}",
                f"{would.postgres_busy:.2f}",
                f"{most * 1000:,.0f}",
            ]
        )
    header = [
        "cores of executors",
        "thousand events a second in Spark",
        "cores of brokers for them",
        "busy time of PostgreSQL's process",
        "thousand events a second in all",
    ]
    return (
        "## On paper: larger clusters\n\nBy the model's CPU seconds, for backlogs with "
        f"{largest.rows / largest.events:.3f} closed windows per event, without the fixed part.\n"
        "Nobody has measured it. "
        "[performance.md](performance.md#what-gives-first-on-a-cluster) says what gives first.\n\n"
        + table(header, rows)
    )


def show(section: Section) -> str:
    """A section with its table and notes."""
    notes = "".join(f"\n{note}\n" for note in section.notes)
    return f"## {section.title}\n\n{table(section.header, section.rows)}{notes}"


def table(header: list[str], rows: list[list[object]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def draw(section: Section) -> None:
    """Draw how many events a second each contender of a section takes, and what a million of them costs."""
    millions = section.observations[0].events / 1e6
    names = [f"{row[0]}\nexactly once" if row[0] in EXACT else row[0] for row in section.rows]
    speeds = [millions * 1000 / float(row[2]) for row in section.rows]
    costs = [float(row[3]) / millions for row in section.rows]
    mpl.rcParams.update({"svg.hashsalt": "benchmarks", "font.size": 9})
    figure, panels = pyplot.subplots(1, 2, sharey=True, figsize=(8, 0.5 * len(names) + 0.8), layout="constrained")
    colours = ["#2a6f97" if row[0] == "ours" else "#a9b4c2" for row in section.rows]
    for panel, values, form, title in zip(
        panels,
        (speeds, costs),
        ("%.0f", "%.1f"),
        ("thousand events a second: more is better", "CPU seconds per million events: less is better"),
        strict=True,
    ):
        panel.bar_label(panel.barh(names, values, color=colours), fmt=form, padding=3)
        panel.set_title(title, loc="left", fontsize=9)
        panel.set_xlim(0, max(values) * 1.15)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    figure.savefig(PICTURE, metadata={"Date": None})
    pyplot.close(figure)
