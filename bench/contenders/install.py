"""Installs the other engines of the benchmark, each into a virtual environment of its own under var/bench.

A stamp holds what an environment was made from, so changed requirements make it again.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import requests
from jgo.maven import MavenContext
from jgo.parse import Coordinate

from local_stack.environment import VAR

BENCH = Path(__file__).parents[1]
PROGRAMS = {
    "quix": "quix.py",
    "flink": "flink.py",
    "bytewax": "bytewax_flow.py",
    "pathway": "pathway_flow.py",
}
SLOWEST_SECONDS = 1_800


class InstallError(Exception):
    """An engine can't be installed; the message says why."""


def prepare(name: str) -> tuple[list[str], dict[str, str]]:
    """Install an engine if it is not there yet; returns its command line, and what it needs in its environment.

    Raises `InstallError` if it can't run here.
    """
    python = _virtual_environment(name)
    environment = {"FLINK_CONNECTOR_JARS": os.pathsep.join(map(str, jars()))} if name == "flink" else {}
    return [str(python), str(BENCH / "contenders" / PROGRAMS[name])], environment


def _virtual_environment(name: str) -> Path:
    """Return the Python of an engine's virtual environment, made if it is not there."""
    requirements = BENCH / f"requirements-{name}.txt"
    folder = VAR / "bench" / f"{name}-venv"
    if not _is_made_from(folder, requirements):
        uv = str(Path(sys.executable).with_name("uv"))
        shutil.rmtree(folder, ignore_errors=True)
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        python = str(folder / "bin" / "python")
        _run(uv, "pip", "install", "--quiet", "--python", python, "--requirement", str(requirements))
        shutil.copy(requirements, folder / ".made-from")
    return folder / "bin" / "python"


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SLOWEST_SECONDS)
    if done.returncode:
        raise InstallError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")


def jars() -> list[Path]:
    """Return the jars of jars.txt in var/jars/bench, brought if they are not there."""
    coordinates, folder = BENCH / "jars.txt", VAR / "jars" / "bench"
    if not _is_made_from(folder, coordinates):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        maven = MavenContext(repo_cache=folder / "repository", timeout=60)
        wanted = [line for line in coordinates.read_text().splitlines() if not line.startswith("#")]
        roots = [maven.create_dependency(replace(Coordinate.parse(line), scope="compile")) for line in wanted]
        try:
            with ThreadPoolExecutor() as pool:
                for jar in pool.map(lambda root: root.artifact.resolve(), roots):
                    jar.rename(folder / jar.name)
        except (requests.RequestException, RuntimeError) as error:
            raise InstallError(f"The jars of {coordinates} can't be downloaded: {error}") from error
        shutil.rmtree(folder / "repository")
        shutil.copy(coordinates, folder / ".made-from")
    return sorted(folder.glob("*.jar"))


def _is_made_from(folder: Path, source: Path) -> bool:
    stamp = folder / ".made-from"
    return stamp.is_file() and stamp.read_text() == source.read_text()
