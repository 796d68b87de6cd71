"""The application on a Spark standalone cluster, whose workers have Spark and Python, and not this package."""

import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bench.cluster import cluster
from local_stack import Stack
from local_stack.environment import PROPERTIES_FILE
from local_stack.java import java_home
from local_stack.spark import APPLICATION, submit_command
from tests.faults.trial import Trial
from tests.pipeline import Pipeline
from tests.stores import hdfs
from tests.warm_spark import SMALL_RUN
from web_traffic.commands.package import libraries
from web_traffic.errors import EXIT_NEEDS_ATTENTION

PROPERTIES = {
    "spark.executor.memory": "600m",
    "spark.pyspark.driver.python": sys.executable,
    "spark.driver.extraJavaOptions": SMALL_RUN,
}


@dataclass(frozen=True)
class Workers:
    """A cluster of two workers of one core each, and Pythons for them."""

    url: str
    folder: Path

    def serve(self, pipeline: Pipeline, python: Path, **properties: str) -> Pipeline:
        """Return the pipeline with its runs on this cluster, with that Python in its workers."""
        given = dict(line.split(maxsplit=1) for line in PROPERTIES_FILE.read_text().splitlines())
        with_archive = f"{given['spark.driver.defaultJavaOptions']} {SMALL_RUN}"
        own = {"spark.master": self.url, "spark.pyspark.python": str(python)}
        own |= PROPERTIES | {"spark.executor.defaultJavaOptions": with_archive} | properties
        file = self.folder / "spark.conf"
        file.write_text("".join(f"{name} {value}\n" for name, value in (given | own).items()))
        return replace(pipeline, command=submit_command(file, APPLICATION))

    def of_newest_run(self) -> set[str]:
        """Return the numbers of the executors that the newest run had."""
        newest = max(self.folder.glob("app-*"), key=lambda folder: folder.stat().st_ctime)
        return {folder.name for folder in newest.iterdir()}


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    folder = tmp_path_factory.mktemp("workers")
    with cluster(2, "700m", {"JAVA_HOME": str(java_home()), "PATH": "/usr/bin:/bin"}, folder) as url:
        yield Workers(url, folder)


Python = Callable[..., Path]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Python:
    """Return a function that makes a Python with some of the libraries that the workers need."""

    def make(*lacks: str, is_bare: bool = False) -> Path:
        folder = tmp_path_factory.mktemp("python")
        venv.create(folder, symlinks=True)
        [site_packages] = folder.glob("lib/python*/site-packages")
        wanted = [] if is_bare else [library for library in libraries() if library.name not in lacks]
        for library in wanted:
            for name in {file.parts[0] for file in library.files or () if file.parts[0] != ".."}:
                (site_packages / name).symlink_to(Path(str(library.locate_file(name))))
        python = folder / "bin" / "python"
        assert subprocess.run([python, "-c", "import web_traffic"], check=False, capture_output=True).returncode == 1
        return python

    return make


def test_workers_without_the_package_count_the_same_with_the_checkpoint_on_hdfs(
    stack: Stack, workers: Workers, python: Python, tmp_path: Path
) -> None:
    with hdfs(tmp_path) as store:
        trial = Trial(stack, tmp_path, 2, store, CHECKPOINT_LOCATION=f"{store.root}/web-traffic/checkpoint")
        trial.pipeline = workers.serve(trial.pipeline, python())
        trial.produce(20_000, hour=0)
        assert trial.compare("on a cluster", trial.recover()).is_clean
    assert workers.of_newest_run() == {"0", "1"}


def test_a_worker_says_which_library_it_lacks(workers: Workers, python: Python, pipeline: Pipeline) -> None:
    pipeline.produce(b"{}")
    result = workers.serve(pipeline, python("psycopg"), **{"spark.task.maxFailures": "1"}).submit()
    assert result.returncode == EXIT_NEEDS_ATTENTION, result.stderr[-3000:]
    assert result.stdout.splitlines()[-1].startswith("ModuleNotFoundError: No module named 'psycopg'; install it for")
