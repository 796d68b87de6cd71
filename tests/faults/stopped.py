"""A run of the application that has stopped at a fault point."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from tests.pipeline import RUN_LIMIT_SECONDS, Pipeline

END_LIMIT_SECONDS = 60
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
"""In seconds. Each question takes processor time from what the test waits for."""


def wait_until(condition: Callable[[], bool], what: str, within: float = RUN_LIMIT_SECONDS) -> None:
    """Wait for a condition; an assertion names it when it does not come."""
    end, pause = time.monotonic() + within, FIRST_PAUSE
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(pause)
        pause = min(pause * 1.2, LONGEST_PAUSE)


@dataclass
class StoppedRun:
    """A spark-submit with all that it has started, one process of which stands still at the point."""

    submit: subprocess.Popen[str]
    family: list[psutil.Process]
    at_point: psutil.Process

    def kill(self, target: str) -> None:
        """Kill the JVM, the Python process at the point, or all; let what is left go on, and wait for its end."""
        match target:
            case "jvm":
                self.submit.kill()
            case "python":
                self.at_point.kill()
            case "group":
                for process in self.family:
                    _signal(process, signal.SIGKILL)
        self.go_on()
        self.wait()

    def go_on(self) -> None:
        """Let the process at the point go on."""
        _signal(self.at_point, signal.SIGCONT)

    def wait(self) -> tuple[int, str]:
        """Wait until nothing of the run is left, and return the exit code and the output."""
        output, _ = self.submit.communicate(timeout=RUN_LIMIT_SECONDS)
        _, alive = psutil.wait_procs(self.family, timeout=END_LIMIT_SECONDS)
        assert not alive, f"outlived the run: {alive}"
        return self.submit.returncode, output


@contextmanager
def stopped_at(pipeline: Pipeline, point: str, nth: int = 1, **environment: str) -> Iterator[StoppedRun]:
    """Start a run and wait until it has stopped at the point, for the first time or a later one."""
    submit = pipeline.start(FAULT_POINT=f"{point}#{nth}", **environment)
    root = psutil.Process(submit.pid)
    found: list[psutil.Process] = []

    def has_stopped() -> bool:
        assert submit.poll() is None, f"ended before {point!r}: {submit.communicate()[0][-3000:]}"
        found[:] = [process for process in _family(root) if is_stopped(process)]
        return bool(found)

    family: list[psutil.Process] = []
    try:
        wait_until(has_stopped, f"a run that has stopped at {point!r}")
        family = _family(root)
        yield StoppedRun(submit, family, found[0])
    finally:
        for process in family or [root]:
            _signal(process, signal.SIGKILL)
        if submit.stdout and not submit.stdout.closed:  # it is closed once the output was read
            submit.communicate()


def _family(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def is_stopped(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: int) -> None:
    if process.is_running():
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return
