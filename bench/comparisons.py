"""The comparisons of the benchmark: each answers one question about speed, and returns a section of the page."""

from collections.abc import Sequence
from dataclasses import replace

from bench.cluster import cluster
from bench.line_up import Contender, choose, ours
from bench.loads import Load, environment
from bench.racing import FOLDER, Race, race
from bench.results import Goal, Section
from local_stack import Stack

LIMIT_SECONDS = 900
COSTS = [
    "contender",
    "n",
    "wall, s",
    "CPU, s",
    "peak memory, MiB",
    "PostgreSQL CPU, s",
    "Kafka CPU, s",
    "wall / seed job",
    "CPU / seed job",
]


def small(stack: Stack, rounds: int = 5) -> Section:
    """The usual run: what has come in since the run before."""
    result = race(stack, Load("small", 20_000), choose("ours", "ours, rocksdb", "seed"), rounds, LIMIT_SECONDS)
    return _section("A small run: 20,000 events", result, [(2, "wall", 0.22), (2, "cpu", 0.18)])


def cold(stack: Stack) -> Section:
    """A backlog of 2 million events, for all who can run here."""
    contenders = choose("ours", "seed", "script", "quix", "bytewax", "pathway", "flink")
    result = race(stack, Load("cold", 2_000_000), contenders, 3, LIMIT_SECONDS)
    section = _section("2 million events from cold", result, [(3, "wall", 0.35)])
    against_quix = Goal(4, "2 million events: wall against Quix Streams", 0.35, result.ratio("ours", "quix", "wall"))
    section.goals.append(against_quix)
    return section


def large(stack: Stack) -> Section:
    """A backlog of 8 million events."""
    contenders = choose("ours", "seed", "script", "flink")
    result = race(stack, Load("large", 8_000_000, minutes=240), contenders, 3, LIMIT_SECONDS)
    section = _section("8 million events from cold", result, [(3, "wall", 0.40), (3, "cpu", 0.33)])
    section.goals.extend(
        Goal(4, f"8 million events: {measure} against {title}", limit, result.ratio("ours", other, measure))
        for other, title, measure, limit in (
            ("script", "the tight script", "wall", 1.5),
            ("flink", "PyFlink", "wall", 0.7),
            ("flink", "PyFlink", "cpu", 0.55),
        )
    )
    return section


def backlog(stack: Stack) -> Section:
    """A backlog that a quick look can afford."""
    result = race(stack, Load("backlog", 500_000), choose("ours", "seed"), 2, LIMIT_SECONDS)
    return _section("500,000 events from cold", result, [])


def keys(stack: Stack) -> Section:
    """Ten times the keys at equal events, and a state that is all keys."""
    loads = (Load("keys", 2_000_000), Load("many_keys", 2_000_000, hosts=400, referrers=2_500))
    few, many = (race(stack, load, choose("ours"), 3, LIMIT_SECONDS) for load in loads)
    unique = Load("open_keys", 2_000_000, minutes=0, is_unique=True)
    unlike = race(stack, unique, choose("ours", "ours, rocksdb", "seed"), 3, LIMIT_SECONDS)
    section = _section("Keys: 2 million events", unlike, [])
    for row in section.rows:
        row[0] += ", a key each, all in one open window"
    section.observations.extend((few.observation(), many.observation()))
    hits = [result.truth.hits for result in (few, many)]
    distinct = [len({key[1:] for key in each}) for each in hits]
    section.rows[:0] = [
        _row(f"ours, {number:,} keys in {len(each):,} windows", result, "ours")
        for number, each, result in zip(distinct, hits, (few, many), strict=True)
    ]
    section.goals.extend(
        (
            Goal(7, f"CPU at {distinct[1] / distinct[0]:.1f} times the keys", 2, _growth(few, many)),
            *(
                Goal(
                    7,
                    f"peak memory of 2 million open keys, {name} against the seed job",
                    0.6,
                    unlike.ratio(name, "seed", "memory"),
                )
                for name in ("ours", "ours, rocksdb")
            ),
        )
    )
    return section


def deep(stack: Stack) -> Section:
    """A backlog in which each event is a window of its own, so that all of them are open before the first one closes.

    A run reads a backlog in one micro-batch, because more of them would make events late that are in order.
    """
    load = Load("deep", 5_000_000, minutes=240, is_unique=True)
    result = race(stack, load, choose("ours", "ours, rocksdb"), 1, LIMIT_SECONDS)
    return replace(_section("A backlog of 5 million windows, in 2 GiB of heap", result, []), observations=[])


def scale(stack: Stack) -> Section:
    """The same job on more cores: threads of one process, then workers of a standalone cluster."""
    load = Load("cold", 2_000_000)
    races = {
        (f"local[{cores}]", cores): race(stack, load, [_on(f"local[{cores}]")], 3, LIMIT_SECONDS) for cores in (1, 2)
    }
    for workers in (2, 4):
        with cluster(workers, "1g", environment(stack, load.topic), FOLDER.with_name("cluster")) as url:
            name = f"standalone cluster, {workers} workers of one core"
            races[name, workers] = race(stack, load, [_on(url)], 3, LIMIT_SECONDS)
    walls = {each: result.median("ours", "wall") for each, result in races.items()}
    one = walls["local[1]", 1]
    return Section(
        "The same job on more cores: 2 million events",
        ["master", "n", "wall, s", "speed-up", "parallel efficiency"],
        [
            [name, 3, f"{wall:.1f}", f"{one / wall:.2f}", f"{one / wall / cores:.2f}"]
            for (name, cores), wall in walls.items()
        ],
        notes=["The machine has two cores: four workers, the broker and the database share them."],
    )


def _on(master: str) -> Contender:
    """Return ours on another master; only the connection differs."""
    return Contender("ours", lambda events: ours(events, "--master", master), is_ours=True)


def _section(title: str, result: Race, goals: Sequence[tuple[int, str, float]]) -> Section:
    """Return the section of a race, with goals that are ratios to the seed job."""
    ratios = {
        measure: ratio
        for measure in ("wall", "cpu", "memory")
        if (ratio := result.ratio("ours", "seed", measure)) is not None
    }
    return Section(
        title,
        COSTS,
        [_row(name, result, name) for name in result.costs],
        [
            Goal(number, f"{result.load.events:,} events: {measure} against the seed job", limit, ratios.get(measure))
            for number, measure, limit in goals
        ],
        ratios,
        [f"{name} did not come to an end: {reason}" for name, reason in result.failed.items()],
        [result.observation()] if result.costs.get("ours") else [],
    )


def _row(title: str, result: Race, name: str) -> list[str]:
    ratios = [result.ratio(name, "seed", measure) for measure in ("wall", "cpu")]
    return [
        title,
        str(len(result.costs[name])),
        f"{result.median(name, 'wall'):.1f}",
        f"{result.median(name, 'cpu'):.1f}",
        f"{result.median(name, 'memory'):,.0f}",
        f"{result.median(name, 'postgres'):.1f}",
        f"{result.median(name, 'kafka'):.1f}",
        *("" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
    ]


def _growth(few: Race, many: Race) -> float:
    return many.median("ours", "cpu") / few.median("ours", "cpu")
