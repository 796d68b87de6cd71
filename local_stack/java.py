"""The Java that Kafka and Spark run on."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from local_stack.errors import StackError

OLDEST = 17
FIRST_WITH_AOT_CACHE = 25
ADVICE = f"install a JDK {OLDEST} or newer, or point JAVA_HOME at one"


class _Java(NamedTuple):
    home: Path
    version: int
    build: str


def java_home(environ: Mapping[str, str] = os.environ) -> Path:
    """The home of a Java that is new enough, from JAVA_HOME or PATH; raises `StackError` with what to install."""
    return _find(environ).home


def java_version(environ: Mapping[str, str] = os.environ) -> int:
    """The feature version of that Java, 17 for example."""
    return _find(environ).version


def java_build(environ: Mapping[str, str] = os.environ) -> str:
    """The build of that Java, 17.0.15+6-Debian-1deb12u1 for example."""
    return _find(environ).build


def class_archive(folder: Path, class_path: Sequence[Path], version: str = "") -> Path:
    """The place of an archive of classes: a JVM ignores one of another build, or of another class path.

    `version` stands for what else is on the class path.
    """
    digest = crc32(f"{version}:{class_path}".encode())
    return folder / f"classes-java-{java_build()}-{digest:08x}"


def make_archive_option(archive: Path) -> str:
    """The option with which a JVM writes, at its end, an archive of the classes that it has loaded."""
    flag = "AOTCacheOutput" if java_version() >= FIRST_WITH_AOT_CACHE else "ArchiveClassesAtExit"
    return f"-XX:{flag}={archive}"


def archive_options(archive: Path) -> list[str]:
    """The options with which a JVM reads such an archive, and says nothing if it is missing or no longer fits."""
    flag = "AOTCache" if java_version() >= FIRST_WITH_AOT_CACHE else "SharedArchiveFile"
    return [f"-XX:{flag}={archive}", "-Xlog:disable", "-Xlog:all=error:stderr"]


def _find(environ: Mapping[str, str]) -> _Java:
    given = environ.get("JAVA_HOME")
    java = Path(given, "bin", "java") if given else shutil.which("java", path=environ.get("PATH", ""))
    if not java or not os.access(java, os.X_OK):
        where = f"JAVA_HOME={given} holds no bin/java" if given else "No Java is on the PATH"
        raise StackError(f"{where}: {ADVICE}.")
    found = _describe(Path(java))
    if found.version < OLDEST:
        raise StackError(f"{java} is Java {found.version}, too old for Kafka and Spark: {ADVICE}.")
    return found


@lru_cache
def _describe(java: Path) -> _Java:
    """Ask that Java for its home, version and build."""
    result = subprocess.run(
        [java, "-XshowSettings:properties", "-version"], check=False, capture_output=True, text=True, timeout=60
    )
    home = re.search(r"java\.home = (.+)", result.stderr)
    version = re.search(r"java\.specification\.version = (?:1\.)?(\d+)", result.stderr)
    build = re.search(r"java\.runtime\.version = (\S+)", result.stderr)
    if result.returncode or not home or not version or not build:
        raise StackError(f"{java} does not run as a Java: {ADVICE}.")
    return _Java(Path(home[1].strip()), int(version[1]), build[1])
