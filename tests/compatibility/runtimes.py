"""The Java and the Python of a cell."""

import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from local_stack import StackError
from local_stack.environment import REPO
from local_stack.java import java_version
from tests.compatibility.cells import Cell
from tests.compatibility.postgres import FOLDER
from tests.faults.cell import NotHere

JAVA_HOMES = Path("/usr/lib/jvm")
PYENV = Path.home() / ".pyenv" / "versions"
"""`uv` does not look there."""
HERE = ".".join(map(str, sys.version_info[:2]))


def require_warm(cell: Cell) -> None:
    """Check that the warm Spark is what the cell says; raises `NotHere`."""
    if (str(java_version()), HERE) != (cell.java, cell.python):
        raise NotHere(f"the warm Spark has Java {java_version()} and Python {HERE} here")


@cache
def java_home(version: str) -> Path:
    """Return the home of a Java; raises `NotHere`."""
    for java in sorted(JAVA_HOMES.glob("*/bin/java")):
        home = java.parent.parent
        with suppress(StackError):  # it is too old, or does not run
            if java_version({"JAVA_HOME": str(home)}) == int(version):
                return home
    raise NotHere(f"there is no JDK {version} below {JAVA_HOMES}")


@cache
def python_programs(version: str) -> Path:
    """Return the folder of a Python's programs, with the package and what its Spark applications need."""
    if version == HERE:
        return Path(sys.prefix, "bin")
    folder = FOLDER / f"python-{version}"
    uv, interpreters = str(Path(sys.prefix, "bin", "uv")), sorted(PYENV.glob(f"{version}.*/bin/python"))
    python = str(interpreters[-1]) if interpreters else version
    made = subprocess.run(
        [uv, "venv", "--allow-existing", "--no-python-downloads", "--python", python, str(folder)],
        check=False,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise NotHere(f"there is no Python {version}: {made.stderr.strip().splitlines()[-1].strip()}")
    package = ["--editable", f"{REPO}[spark]", "--constraint", str(REPO / "constraints.txt")]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *package], check=True)
    return folder / "bin"
