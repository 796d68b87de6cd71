"""Faults of the machine, and of what starts the runs."""

from tests.faults.cell import Cell
from tests.faults.trial import Trial


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


CELLS = (
    Cell("M1", "two runs at once, as of two schedulers", two_at_once),
    Cell("M2", "machine in a zone with daylight saving, then in UTC", clock_zone_changes),
)
