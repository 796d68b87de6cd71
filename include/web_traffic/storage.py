"""A folder on any file system that Spark knows, by Hadoop's `FileSystem` in the JVM of the driver.

Spark itself reads and writes its checkpoint in this way, with the same properties, logins and caches. Everything here
needs that JVM, so only the Spark applications can use it.
"""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from pyspark import SparkContext

from web_traffic.errors import CheckpointClosed, CheckpointError, CheckpointOutOfReach, SettingsError

CLOSED = ("AccessControlException", "AccessDeniedException")
DAMAGED = ("ChecksumException", "EOFException")
"""The store has answered, but the file does not hold what was written."""
WRONG = ("UnsupportedFileSystemException", "RuntimeException", "UnknownStoreException", "IllegalArgumentException")
"""Spark does not know such a file system, lacks its jars, or there is no such bucket."""
ADVICE = "correct it, or give Spark the jars and properties of this file system"


class Storage:
    """A folder, which need not exist, and what is below it, by names relative to it.

    Each method raises `FileNotFoundError` for what is not there, `CheckpointError` for a file that is damaged,
    `CheckpointOutOfReach` if the store does not answer, and `NeedsAttention` for a setting or a right that is wrong.
    """

    def __init__(self, location: str) -> None:
        """Take the folder's address, as `scheme://…/path`."""
        self.location = location
        with _errors_of(location):
            self._path: Any = _jvm().org.apache.hadoop.fs.Path(location)
            self._system: Any = self._path.getFileSystem(_configuration())

    def read(self, name: str) -> bytes:
        """Return the contents of a file."""
        with _errors_of(f"{self.location}/{name}"):
            stream = self._system.open(self._at(name))
            try:
                content: bytes = stream.readAllBytes()
            finally:
                stream.close()
        return content

    def list(self, name: str) -> dict[str, Callable[[], int]]:
        """Return the names in a folder, each with a function that asks for its size in bytes."""
        with _errors_of(f"{self.location}/{name}"):
            found = self._system.listStatus(self._at(name))
            # One call for all paths: one for each of them would take longer than the listing.
            paths = _jvm().scala.runtime.ScalaRunTime.stringOf(_jvm().org.apache.hadoop.fs.FileUtil.stat2Paths(found))
        names = [
            path.rpartition("/")[2] for path in paths.removeprefix("Array(").removesuffix(")").split(", ") if path
        ]
        return {each: partial(_size, found, number) for number, each in enumerate(names)}

    def exists(self, name: str = "") -> bool:
        """Whether there is such a file or folder; without a name, whether this folder exists."""
        with _errors_of(f"{self.location}/{name}"):
            return bool(self._system.exists(self._at(name)))

    def rename(self, location: str) -> None:
        """Give this folder another address on the same file system, at which there is nothing yet."""
        target = Storage(location)
        with _errors_of(self.location):
            if target.exists() or not self._system.rename(self._path, target._path):
                raise CheckpointOutOfReach(f"{self.location} can't be renamed to {location}: try again")

    def require_writable(self) -> None:
        """Raise `CheckpointClosed` if the user may not write here, or to the nearest folder above that is there."""
        folder = self._path
        with _errors_of(self.location):
            while not self._system.exists(folder):
                folder = folder.getParent()
            if folder.toUri().getScheme() != "file":
                self._system.access(folder, _jvm().org.apache.hadoop.fs.permission.FsAction.ALL)
            # Hadoop would compare the bits of a local folder with the user's name, also for root.
            elif not os.access(folder.toUri().getPath(), os.R_OK | os.W_OK | os.X_OK):
                raise _closed(folder.toString(), "write to it")

    def _at(self, name: str) -> Any:
        return _jvm().org.apache.hadoop.fs.Path(self._path, name) if name else self._path


def _jvm() -> Any:
    SparkContext._ensure_initialized()  # noqa: SLF001  spark-submit has started the JVM, and Spark has no other way
    return SparkContext._jvm  # noqa: SLF001


@cache
def _configuration() -> Any:
    """Return Hadoop's configuration, with the properties of Spark that are for it."""
    jvm = _jvm()
    return jvm.org.apache.spark.deploy.SparkHadoopUtil.get().newConfiguration(jvm.org.apache.spark.SparkConf())


def _size(found: Any, number: int) -> int:
    return int(found[number].getLen())


@contextmanager
def _errors_of(location: str) -> Iterator[None]:
    """Turn what Java throws into an error that says what to do about this file or folder."""
    try:
        yield
    except Exception as error:
        # From py4j; once there is a session, pyspark turns some kinds into its own.
        java = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
        if java is None:
            raise
        name, message = java.getClass().getSimpleName(), _first_line(java.getMessage())
        if name in CLOSED or "Permission denied" in message:
            raise _closed(location, f"use it ({message})") from error
        if name == "FileNotFoundException":
            raise FileNotFoundError(location) from error
        if name in DAMAGED:
            raise CheckpointError(f"{location} can't be read: {name}: {message}") from error
        if name in WRONG and "UnknownHostException" not in message:  # a name server may be down
            raise SettingsError(f"CHECKPOINT_LOCATION: {location} can't be used ({message}); {ADVICE}") from error
        raise CheckpointOutOfReach(f"{location} can't be used now: {name}: {message}") from error


def _first_line(message: str | None) -> str:
    return " ".join((str(message).strip().splitlines() or [""])[0].split())


def _closed(location: str, what: str) -> CheckpointClosed:
    return CheckpointClosed(
        f"the user {getpass.getuser()} may not {what}: {location}; give this user the right, or correct "
        "CHECKPOINT_LOCATION"
    )
