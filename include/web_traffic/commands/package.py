"""Command line: `web-traffic package`."""

import argparse
import sys
import tarfile
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from web_traffic.errors import EXIT_NEEDS_ATTENTION, NeedsAttention
from web_traffic.parcel import CODE, LIBRARIES, SETTINGS, pack_code, pack_settings
from web_traffic.settings import given_environment

DESCRIPTION = f"""\
Write what a Spark cluster needs of this project to a folder, and print Spark's properties for it. {CODE} is the
code: you need it only for deploy mode cluster by hand, because otherwise a run brings it. {LIBRARIES}.tar.gz
has the libraries that driver and workers need, for machines that lack them. {SETTINGS} has the settings
of the environment, such as POSTGRES_URL, with the logins; give its name to the application as its argument. Exit code
0: written; {EXIT_NEEDS_ATTENTION}: the folder can't be written to, a library is not installed here, or a setting is
wrong. Stderr has the error.
"""

SPARK = "pyspark"
"""Spark brings it to its workers."""


class NotInstalled(NeedsAttention):
    """A library that the workers need is not installed here; the message names it."""


def main(arguments: Sequence[str]) -> int:
    """Write the files; returns the exit code."""
    parser = argparse.ArgumentParser(prog="web-traffic package", description=DESCRIPTION)
    parser.add_argument("folder", type=Path, help="where to write; it is made if it is missing")
    parser.add_argument("--libraries", action="store_true", help="pack the libraries, too: about 130 MB")
    parser.add_argument("--settings", action="store_true", help="write the settings, for a driver in the cluster")
    options = parser.parse_args(arguments)
    folder: Path = options.folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sys.stdout.write(f"spark.submit.pyFiles {pack_code(folder)}\n")
        if options.settings:
            sys.stdout.write(f"spark.files {pack_settings(folder, given_environment([]))}\n")
        if options.libraries:
            sys.stdout.write(f"spark.archives {pack_libraries(folder)}#{LIBRARIES}\n")
    except (NeedsAttention, OSError) as error:
        sys.stderr.write(f"package: {error}\n")
        return EXIT_NEEDS_ATTENTION
    return 0


def pack_libraries(folder: Path) -> Path:
    """Write the installed libraries that the code needs to an archive in the folder; returns its path.

    It serves workers with the same system, processor and minor version of Python. Raises `NotInstalled`.
    """
    file = folder / f"{LIBRARIES}.tar.gz"
    with tarfile.open(file, "w:gz", compresslevel=1) as archive:
        for library in libraries():
            for path in library.files or ():
                if path.parts[0] != ".." and path.suffix != ".pyc":
                    archive.add(str(path.locate()), arcname=str(path), recursive=False)
    return file


def libraries() -> list[Distribution]:
    """Return the installed packages that driver and workers need, but for Spark's own, with all that they need."""
    found: dict[str, Distribution] = {}
    waiting = [Requirement("web-traffic[spark]")]
    while waiting:
        wanted = waiting.pop()
        for needed in map(Requirement, _installed(wanted.name).requires or ()):
            extras = wanted.extras or {""}
            is_needed = not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in extras)
            if is_needed and canonicalize_name(needed.name) not in {*found, SPARK}:
                found[canonicalize_name(needed.name)] = _installed(needed.name)
                waiting.append(needed)
    return list(found.values())


def _installed(name: str) -> Distribution:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        found = None
    if found is None or found.files is None:
        raise NotInstalled(f"{name} is not installed here by pip or uv: install it, then pack again")
    return found
