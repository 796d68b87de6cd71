"""Races: contenders take turns over the same events, and each table is compared with the truth."""

import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench.line_up import Contender
from bench.loads import Load, check, environment, make_database
from bench.measuring import Cost, Failed, measure
from bench.results import Observation
from bench.servers import server_seconds
from local_stack import Stack
from local_stack.environment import VAR
from simulator import Truth

FOLDER = VAR / "bench" / "run"


@dataclass
class Race:
    """What the contenders of one load have cost, and why some did not come to an end."""

    load: Load
    truth: Truth
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def median(self, name: str, measure: str) -> float:
        """The median of one contender's costs, by a name of `Cost`."""
        return statistics.median(getattr(cost, measure) for cost in self.costs[name])

    def observation(self) -> Observation:
        """What our runs have cost, for the cost model."""
        costs = {measure: self.median("ours", measure) for measure in ("wall", "cpu", "postgres", "kafka")}
        rows = len(self.load.closed(self.truth))
        return Observation(self.load.name, self.load.events, rows, len(self.truth.hits) - rows, **costs)

    def ratio(self, name: str, other: str, measure: str) -> float | None:
        """The ratio of two contenders' medians; None if one of them has none."""
        if not (self.costs.get(name) and self.costs.get(other)):
            return None
        return self.median(name, measure) / self.median(other, measure)


def race(stack: Stack, load: Load, contenders: Sequence[Contender], rounds: int, limit_seconds: float) -> Race:
    """Let them take turns; another one begins each round."""
    say(f"{load.topic}: sending {load.events:,} events, unless they are there")
    truth = load.send(stack)
    failed = {contender.name: contender.reason for contender in contenders if contender.reason}
    result = Race(load, truth, failed=failed)
    for number in range(rounds):
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            if contender.name in result.failed:
                continue
            try:
                cost = run(stack, load, truth, contender, limit_seconds)
            except Failed as failure:
                result.failed[contender.name] = str(failure)
                say(f"  {contender.name} failed: {failure}")
                continue
            result.costs.setdefault(contender.name, []).append(cost)
            say(f"  round {number + 1}, {contender.name}: {cost}")
    return result


def run(stack: Stack, load: Load, truth: Truth, contender: Contender, limit_seconds: float) -> Cost:
    """Run one contender from cold, and compare its table with the truth."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    make_database(stack, is_plain=not contender.is_ours)
    variables = environment(stack, load.topic) | {
        "CHECKPOINT_LOCATION": str(FOLDER / "checkpoint"),
        "CONTENDER_FOLDER": str(FOLDER),
    }
    log = VAR / "bench" / f"{contender.name}.log"
    before = server_seconds(stack)
    cost = measure(contender.command(load.events), variables | dict(contender.environment), log, limit_seconds)
    servers = {name: seconds - before[name] for name, seconds in server_seconds(stack).items()}
    check(stack, load, truth)
    return replace(cost, **servers)


def say(line: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(line + "\n")
