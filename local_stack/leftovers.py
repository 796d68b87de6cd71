"""Finds and ends the processes that a stack left behind, for example when its supervisor was killed."""

import os
import signal

import psutil

from local_stack.environment import MARKER, Stack

GRACE = 20
"""Seconds that a process has to end after it was asked to."""


def find_processes(stack: Stack) -> list[psutil.Process]:
    """All processes of the stack: those that carry its marker, and their descendants."""
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == str(stack.home) and process.status() != psutil.STATUS_ZOMBIE:
                found.update({one.pid: one for one in (process, *process.children(recursive=True))})
        except psutil.Error:
            continue  # it ended, or belongs to another user
    found.pop(os.getpid(), None)
    return list(found.values())


def end_processes(stack: Stack) -> int:
    """End all processes of the stack, by force if they do not end when asked; returns how many there were."""
    processes = find_processes(stack)
    for process in processes:
        try:
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(processes, timeout=GRACE)
    stubborn = {*alive, *find_processes(stack)}
    for process in stubborn:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(stubborn, timeout=GRACE)
    return len(processes)
