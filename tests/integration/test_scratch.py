"""What Spark writes to the temporary folder goes with its run, also when that was killed."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.stopped import stopped_at
from tests.integration.test_aggregate import event
from tests.pipeline import SMALL_RUN, Pipeline
from web_traffic.jobs.scratch import LOCK


def in_folder(pipeline: Pipeline, temporary: Path) -> Pipeline:
    """Return the pipeline with that temporary folder for its JVMs."""
    program, _, _, *arguments = pipeline.cold.command or []
    options = f"spark.driver.extraJavaOptions={SMALL_RUN} -Djava.io.tmpdir={temporary}"
    return replace(pipeline, command=[program, "--conf", options, *arguments])


def names(temporary: Path) -> list[str]:
    """Return what is in the temporary folder, but the JVM's own files of figures."""
    return sorted(file.name for file in temporary.iterdir() if not file.name.startswith("hsperfdata"))


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Return a folder whose path is short, for the sockets in it."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


def test_the_next_run_removes_what_a_killed_one_has_left_and_nothing_else(pipeline: Pipeline, temporary: Path) -> None:
    (temporary / "spark-of-somebody-else").mkdir()
    pipeline.produce(event("00:01"), event("00:07"))
    here = in_folder(pipeline, temporary)
    parent = temporary / f"web_traffic-{os.getuid()}"
    with stopped_at(here, "batch committed") as run:
        [killed] = parent.glob("run-*")
        assert [name for name in names(killed) if name.startswith("blockmgr")] != []
        run.kill("group")
    here.run()
    assert not killed.exists()
    [newest] = parent.glob("run-*")
    sockets = {name for name in names(newest) if name.endswith(".sock")}  # a worker may end after its JVM
    assert set(names(newest)) - sockets == {LOCK}
    assert names(temporary) == ["spark-of-somebody-else", parent.name]
