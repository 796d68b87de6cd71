"""Downloads the jars of the Kafka broker and of Spark's Kafka connector to var/jars, once, and PostgreSQL with TLS.

A folder is filled under another name and renamed at the end, so it is either whole or missing. Its stamp has the
coordinates that it was made from: if they change, the folder is filled again.
"""

import platform
import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import requests
from jgo.maven import Artifact, MavenContext
from jgo.parse import Coordinate

from local_stack.environment import VAR
from local_stack.errors import StackError
from local_stack.locks import alone
from local_stack.progress import step

COORDINATES = Path(__file__).with_name("jars.txt")
JARS = VAR / "jars"
BESIDE_PYSPARK = ("spark", "spark-iam", "s3a")
"""Folders whose jars share a class path with those of pyspark."""
WHOLE = "jar-with-dependencies"
"""Classifier of a jar that has all that it depends on in it."""
RUNTIME_SCOPES = ("compile", "runtime")
PLATFORMS = {
    ("Linux", "x86_64"): "linux-amd64",
    ("Linux", "aarch64"): "linux-arm64v8",
    ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64v8",
}
"""Where there is a PostgreSQL with TLS, in the words of its coordinates."""


def coordinates(folder: str) -> list[str]:
    """The Maven coordinates that make up var/jars/`folder`; raises `StackError` if this machine has none."""
    lines = (line.split() for line in COORDINATES.read_text().splitlines() if not line.startswith("#"))
    found = [coordinate for name, coordinate in lines if name == folder]
    machine = (platform.system(), platform.machine())
    if folder.startswith("postgres") and machine not in PLATFORMS:
        raise StackError(f"There is no PostgreSQL with TLS for {' '.join(machine)}: leave out SECURE=1.")
    return [coordinate.format(platform=PLATFORMS.get(machine)) for coordinate in found]


def class_path(folder: str, jars: Path = JARS) -> list[Path]:
    """The jars of var/jars/`folder` in a fixed order; raises `StackError` if the set-up lacks them."""
    if not _is_complete(folder, jars):
        raise StackError(f"The set-up is not complete (no jars of {folder} in {jars / folder}): run `make setup`.")
    return sorted((jars / folder).glob("*.jar"))


def bring_jars(*folders: str, jars: Path = JARS) -> None:
    """Fill these folders of var/jars where they are missing or made from other coordinates."""
    if all(_is_complete(folder, jars) for folder in folders):
        return
    jars.mkdir(parents=True, exist_ok=True)
    with alone(jars, "fills"):
        for folder in folders:
            if not _is_complete(folder, jars):
                with step(f"The jars of {folder} are in {jars / folder}", f"downloading the jars of {folder}"):
                    _fill(folder, jars)


def _is_complete(folder: str, jars: Path) -> bool:
    stamp = jars / folder / ".coordinates"
    return stamp.is_file() and stamp.read_text().split() == coordinates(folder)


def _fill(folder: str, jars: Path) -> None:
    partial = jars / f"{folder}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for artifact, path in _download(coordinates(folder), partial / "repository"):
            if folder not in BESIDE_PYSPARK or not _is_in_pyspark(artifact):
                path.rename(partial / path.name)
    except (requests.RequestException, RuntimeError) as error:
        raise StackError(
            f"The jars of {folder} can't be downloaded ({error}): check the network, then try again."
        ) from error
    shutil.rmtree(partial / "repository")
    if folder.startswith("postgres"):
        _unpack(partial)
    (partial / ".coordinates").write_text("\n".join(coordinates(folder)) + "\n")
    shutil.rmtree(jars / folder, ignore_errors=True)
    partial.rename(jars / folder)


def _unpack(folder: Path) -> None:
    """Replace a jar by the archive that it contains."""
    [jar] = folder.glob("*.jar")
    with zipfile.ZipFile(jar) as outer:
        [name] = (name for name in outer.namelist() if name.endswith(".txz"))
        with outer.open(name) as inner, tarfile.open(fileobj=inner) as archive:
            archive.extractall(folder, filter="data")
    jar.unlink()


def _download(wanted: Iterable[str], repository: Path) -> list[tuple[Artifact, Path]]:
    maven = MavenContext(repo_cache=repository, timeout=60)
    artifacts: dict[str, Artifact] = {}
    for coordinate in wanted:
        # One at a time: resolved together, the managed versions of one would change the versions of the other.
        root = maven.create_dependency(replace(Coordinate.parse(coordinate), scope="compile"))
        if root.artifact.classifier == WHOLE:
            artifacts[root.artifact.artifactId] = root.artifact
            continue
        for one in chain(*maven.resolver.resolve([root])):
            if one.scope in RUNTIME_SCOPES:
                artifacts.setdefault(one.artifact.artifactId, one.artifact)
    with ThreadPoolExecutor(max_workers=6) as pool:
        return list(zip(artifacts.values(), pool.map(Artifact.resolve, artifacts.values()), strict=True))


def _is_in_pyspark(artifact: Artifact) -> bool:
    """Whether pyspark ships this jar: a second version on the class path would clash with it."""
    pyspark = find_spec("pyspark")
    if pyspark is None or pyspark.origin is None:
        raise StackError("pyspark is not installed in this Python: run `make setup`.")
    return any((Path(pyspark.origin).parent / "jars").glob(f"{artifact.artifactId}-[0-9]*.jar"))
