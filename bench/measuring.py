"""What a command costs as a whole: wall seconds, CPU seconds and peak memory of all its processes."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

SAMPLE_SECONDS = 0.5
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The command did not end well; the message has the last line of its output."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command has cost."""

    wall: float
    """Seconds from its start to its end."""
    cpu: float
    """CPU seconds, user and system, of all its processes."""
    memory: float
    """Most memory at a time in MiB: the proportional set size (PSS) of all its processes, every 0.5 s."""
    postgres: float = 0
    """CPU seconds of PostgreSQL meanwhile."""
    kafka: float = 0
    """CPU seconds of the broker meanwhile."""

    def __str__(self) -> str:
        servers = f"PostgreSQL {self.postgres:.1f}, Kafka {self.kafka:.1f} CPU s"
        return f"{self.wall:.1f} s, {self.cpu:.1f} CPU s, {self.memory:.0f} MiB; {servers}"


@dataclass
class _Session:
    """The processes of a session, looked at again and again: some outlive their parents, unseen by wait4."""

    leader: int
    cpu: dict[int, float] = field(default_factory=dict)
    memory: float = 0

    def watch(self, is_over: Event) -> None:
        while not is_over.wait(SAMPLE_SECONDS):
            self.memory = max(self.memory, sum(self._look(process) for process in _members(self.leader)))

    def _look(self, process: Path) -> float:
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            self.cpu[int(process.name)] = (int(fields[11]) + int(fields[12])) / TICKS
            pss = next(line for line in (process / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
            return int(pss.split()[1]) / 1024
        except (OSError, StopIteration):
            return 0  # it has just ended


def measure(command: Sequence[str], environment: Mapping[str, str], log: Path, limit_seconds: float) -> Cost:
    """Run a command in a session of its own, its output in `log`; raises `Failed` if it fails or takes too long."""
    with log.open("w") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        session, is_over = _Session(process.pid), Event()
        watcher = Thread(target=session.watch, args=(is_over,))
        watcher.start()
        try:
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                wall = time.monotonic() - began
                if pid or wall > limit_seconds:
                    break
                time.sleep(0.01)  # wait4 tells what it has used, but knows no limit
        finally:
            is_over.set()
            watcher.join()
            end(process.pid)
    process.returncode = os.waitstatus_to_exitcode(status) if pid else -signal.SIGKILL
    if process.returncode:
        *_, told = log.read_text(errors="replace").strip().splitlines() or ["no output"]
        limit = f"limit {limit_seconds:.0f} s, output in {log.name}"
        raise Failed(f"exit code {process.returncode} after {wall:.0f} s ({limit}): {told[:300]}")
    return Cost(wall, max(usage.ru_utime + usage.ru_stime, sum(session.cpu.values())), session.memory)


def end(leader: int) -> None:
    """End what is left of a session."""
    for process in _members(leader):
        try:
            os.kill(int(process.name), signal.SIGKILL)
        except ProcessLookupError:
            continue


def _members(leader: int) -> list[Path]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if os.getsid(int(process.name)) == leader:
                    found.append(process)
            except ProcessLookupError:
                continue
    return found
