"""Lets one command work at a time: its lock ends with the process, even if that is killed."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack.errors import StackError


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Hold `folder` for this process; raises `StackError` if another one holds it."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"Another command {what} {folder}: wait until it is done, then run this again."
            ) from error
        yield
