"""A folder on any file system that Spark knows, by Hadoop's `FileSystem` in the JVM of the driver.

Spark itself reads and writes its checkpoint in this way, with the same properties, logins and caches. Everything here
needs that JVM, so only the Spark applications can use it.
"""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

from pyspark import SparkContext

from web_traffic.errors import CheckpointClosed, CheckpointError, CheckpointOutOfReach, SettingsError

CLOSED = ("AccessControlException", "AccessDeniedException")
DAMAGED = ("ChecksumException", "EOFException")
"""The store has answered, but the file does not hold what was written."""
WRONG = ("UnsupportedFileSystemException", "RuntimeException", "UnknownStoreException", "IllegalArgumentException")
"""Spark does not know such a file system, lacks its jars, or there is no such bucket."""
ADVICE = "correct it, or give Spark the jars and properties of this file system"
RIGHT = "give this user, or Spark's login at the store, the right, or correct CHECKPOINT_LOCATION"
LONGEST = 200
"""Characters of a message that are kept: some stores say the same three times."""


class Storage:
    """A folder, which need not exist, and what is below it, by names relative to it.

    Each method raises `FileNotFoundError` for what is not there, `CheckpointError` for a file that is damaged,
    `CheckpointOutOfReach` if the store does not answer, and `NeedsAttention` for a setting or a right that is wrong.
    """

    def __init__(self, location: str) -> None:
        """Take the folder's address, as `scheme://…/path`."""
        self.location = location
        with _errors_of(location):
            self._path: Any = _hadoop().path(location)
            self._system: Any = self._path.getFileSystem(_hadoop().configuration)

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
            # Of an array of folders Hadoop makes plain FileStatus; py4j can hand on no array of a store's own kind.
            folders = _hadoop().gateway.new_array(_hadoop().path, 1)
            folders[0] = self._at(name)
            found = self._system.listStatus(folders)
            # One call for all paths: one for each of them would take longer than the listing.
            paths = _hadoop().text_of(_hadoop().paths_of(found))
        names = [
            path.rpartition("/")[2] for path in paths.removeprefix("Array(").removesuffix(")").split(", ") if path
        ]
        return {each: partial(_size, found, number) for number, each in enumerate(names)}

    def exists(self, name: str = "") -> bool:
        """Whether there is such a file or folder; without a name, whether this folder exists."""
        with _errors_of(f"{self.location}/{name}".rstrip("/")):
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
                self._system.access(folder, _hadoop().all_rights)
            # Hadoop would compare the bits of a local folder with the user's name, also for root.
            elif not os.access(folder.toUri().getPath(), os.R_OK | os.W_OK | os.X_OK):
                raise CheckpointClosed(f"the user {getpass.getuser()} may not write to {folder.toString()}: {RIGHT}")

    def _at(self, name: str) -> Any:
        return _hadoop().path(self._path, name) if name else self._path


class _Hadoop(NamedTuple):
    """What is used of Hadoop in the JVM. py4j looks up a name in the JVM part by part, and each time again."""

    gateway: Any
    path: Any
    paths_of: Any
    text_of: Any
    all_rights: Any
    configuration: Any
    """Hadoop's configuration, with the properties of Spark that are for it."""


@cache
def _hadoop() -> _Hadoop:
    SparkContext._ensure_initialized()  # noqa: SLF001  spark-submit has started the JVM, and Spark has no other way
    gateway: Any = SparkContext._gateway  # noqa: SLF001
    apache, scala = gateway.jvm.org.apache, gateway.jvm.scala
    hadoop = apache.hadoop.fs
    return _Hadoop(
        gateway,
        hadoop.Path,
        hadoop.FileUtil.stat2Paths,
        scala.runtime.ScalaRunTime.stringOf,
        hadoop.permission.FsAction.ALL,
        apache.spark.deploy.SparkHadoopUtil.get().newConfiguration(apache.spark.SparkConf()),
    )


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
            raise CheckpointClosed(f"{location} can't be used ({message}): {RIGHT}") from error
        if name == "FileNotFoundException":
            raise FileNotFoundError(location) from error
        if name in DAMAGED:
            raise CheckpointError(f"{location} can't be read: {name}: {message}") from error
        if name in WRONG and "UnknownHostException" not in message:  # a name server may be down
            raise SettingsError(f"CHECKPOINT_LOCATION: {location} can't be used ({message}); {ADVICE}") from error
        raise CheckpointOutOfReach(f"{location} can't be used now: {name}: {message}") from error


def _first_line(message: str | None) -> str:
    return " ".join((str(message).strip().splitlines() or [""])[0].split())[:LONGEST]
