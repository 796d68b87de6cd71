"""Gives each run its own folder for Spark's temporary files, and removes the folders that killed runs have left.

A JVM that ends normally removes its files; one that is killed leaves them. Each run works in a folder of its own, and
holds a lock on it as long as its process lives. The next run removes the folders whose lock is free.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from tempfile import mkdtemp
from typing import IO

LOCK = "lock"
_held: list[IO[str]] = []
"""Locks of this process, which end with it."""


def own_folder(temporary: Path, others: Iterable[Path] = ()) -> Path:
    """Make a folder for this process below `temporary`, and remove those of processes that have ended.

    `others` are folders of this process that lie elsewhere: they are removed with its own.
    """
    parent = temporary / f"web_traffic-{os.getuid()}"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        return Path(mkdtemp(prefix="web_traffic-", dir=temporary))  # the name is taken by somebody else
    with (parent / LOCK).open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)  # so a folder without a lock was made by a killed process
        for folder in parent.glob("run-*"):
            _remove_if_ended(folder)
        folder = Path(mkdtemp(prefix="run-", dir=parent))
        lock = (folder / LOCK).open("w")
        lock.writelines(f"{other}\n" for other in others)
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        _held.append(lock)
    return folder


def _remove_if_ended(folder: Path) -> None:
    others: list[str] = []
    try:
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            others = lock.read().splitlines()
    except BlockingIOError:
        return
    except FileNotFoundError:
        pass
    for ended in (*others, str(folder)):
        shutil.rmtree(ended, ignore_errors=True)
