"""The copy of the repository that mutants go into: neither the source nor a running demo sees them.

The copy has a virtual environment of its own. It finds the packages of the real one, but imports the project from the
copy, also in Spark's Python workers, which ignore PYTHONPATH.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack.environment import REPO, VAR
from tests.mutants.mutant import Mutant

FOLDER = VAR / "mutants"
COPY = FOLDER / "copy"
LIMIT_SECONDS = 300
ALL_TESTS = ("tests", "--ignore=tests/mutants")
"""The tests of the list itself would fail for every mutant."""
ALL_TESTS_LIMIT_SECONDS = 2 * 3600
GRACE_SECONDS = 60
_FAILED = re.compile(r"^FAILED (\S+::\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How pytest has ended."""

    exit_code: int | None
    """None if it did not end in time."""
    output: str
    seconds: float

    @property
    def has_passed(self) -> bool:
        return self.exit_code == 0

    @property
    def failed_test(self) -> str | None:
        """The first test that failed; None if none did: an error in a fixture or in an import is no failure."""
        failure = _FAILED.search(self.output) if self.exit_code == 1 else None
        return failure[1] if failure else None


def make_copy() -> None:
    """Copy all files that git does not ignore. Folders of services stay: the next tests end what still runs there."""
    COPY.mkdir(parents=True, exist_ok=True)
    for old in COPY.iterdir():
        if old.name != "var":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPO, check=True, capture_output=True, text=True).stdout
    for name in names.rstrip("\0").split("\0"):
        if (REPO / name).exists():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, COPY / name)
    (COPY / "var").mkdir(exist_ok=True)
    for prepared in ("jars", "spark"):
        (COPY / "var" / prepared).unlink(missing_ok=True)
        (COPY / "var" / prepared).symlink_to(VAR / prepared)
    _make_environment()


def _make_environment() -> None:
    venv.create(COPY / ".venv", symlinks=True)
    [packages] = (COPY / ".venv" / "lib").glob("python*/site-packages")
    real_packages = Path(sys.prefix, packages.relative_to(COPY / ".venv"))
    (packages / "copy.pth").write_text(f"{COPY / 'include'}\nimport site; site.addsitedir({str(real_packages)!r})\n")
    programs, real_programs = COPY / ".venv" / "bin", Path(sys.prefix, "bin")
    for program in real_programs.iterdir():
        own = programs / program.name
        if own.exists():
            continue
        if (content := program.read_bytes()).startswith(b"#!"):
            own.write_bytes(content.replace(str(real_programs).encode(), str(programs).encode()))
            shutil.copymode(program, own)
        else:
            own.symlink_to(program)


@contextmanager
def seeded(mutant: Mutant) -> Iterator[None]:
    """Hold the fault in the copy; raises `SourceChanged`. The file gets its old time back, for Python's caches."""
    file, kept = COPY / mutant.file, FOLDER / "kept"
    mutated = mutant.apply(file.read_text())
    shutil.copy2(file, kept)
    file.write_text(mutated)
    try:
        yield
    finally:
        kept.replace(file)


def run_tests(tests: Sequence[str], limit: float) -> Outcome:
    """Run tests in the copy, up to the first that fails."""
    program = COPY / ".venv" / "bin" / "python"
    command = [str(program), "-m", "pytest", "-x", "-q", "--tb=short", "-p", "no:cacheprovider", *tests]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    began = time.monotonic()
    with (
        (FOLDER / "output").open("w+") as file,
        subprocess.Popen(command, cwd=COPY, env=environment, stdout=file, stderr=subprocess.STDOUT) as process,
    ):
        exit_code = _wait(process, limit)
        file.seek(0)
        output = file.read()
    return Outcome(exit_code, output, time.monotonic() - began)


def _wait(process: subprocess.Popen[bytes], limit: float) -> int | None:
    """Return the exit code; None if it did not end in time and was ended."""
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # pytest ends its services, too
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
    return None
