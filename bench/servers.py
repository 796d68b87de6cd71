"""What the servers have worked meanwhile: the CPU seconds of the stack's PostgreSQL and Kafka."""

import psutil

from local_stack import Stack
from local_stack.lifecycle import status

SERVERS = ("postgres", "kafka")


def server_seconds(stack: Stack) -> dict[str, float]:
    """Return the CPU seconds, user and system, that each of the `SERVERS` has used since it started.

    PostgreSQL has a process for each connection. Those that have ended count for the process that started them.
    """
    pids = {program.name: state.pid for program, state in status(stack) if state}
    return {name: _seconds(psutil.Process(pids[name])) for name in SERVERS}


def _seconds(process: psutil.Process) -> float:
    own, total = process.cpu_times(), 0.0
    for child in process.children():
        try:
            total += _seconds(child)
        except psutil.NoSuchProcess:
            continue
    return total + own.user + own.system + own.children_user + own.children_system
