"""Stores for checkpoints beside the local disk: a real HDFS, for tests."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyspark

from local_stack.environment import LOOPBACK, Ports
from local_stack.jars import bring_jars, class_path
from local_stack.java import java_home
from tests.faults.stopped import wait_until
from tests.timing import timed
from tests.warm_spark import warm_session
from web_traffic.storage import Storage

HADOOP_PROPERTIES = {
    "dfs.replication": "1",
    "dfs.permissions.superusergroup": "none",
    "dfs.namenode.fs-limits.min-block-size": "1024",
}


@contextmanager
def hdfs(folder: Path) -> Iterator[str]:
    """Run a NameNode and a DataNode with their data in an empty folder, and return the address of their root."""
    bring_jars("hdfs")
    folder.mkdir(parents=True, exist_ok=True)
    details, port = folder / "details.json", Ports.free().postgres
    jars = [f"{Path(str(pyspark.__file__)).parent}/jars/*", *map(str, class_path("hdfs"))]
    properties = HADOOP_PROPERTIES | {"hdfs.minidfs.basedir": str(folder / "data"), "hadoop.tmp.dir": str(folder)}
    command = [
        *(str(java_home() / "bin" / "java"), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"),
        *("-cp", ":".join(jars), "org.apache.hadoop.test.MiniDFSClusterManager", "-format", "-datanodes", "1"),
        *("-nnport", str(port), "-writeDetails", str(details)),
        *(part for name, value in properties.items() for part in ("-D", f"{name}={value}")),
    ]
    log = folder / "log.txt"
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd=folder) as cluster:

        def is_up() -> bool:
            assert cluster.poll() is None, log.read_text()[-3000:]
            return details.is_file() and bool(details.read_text())

        try:
            with timed("start of HDFS"):
                wait_until(is_up, "HDFS to start", within=60)
            yield f"hdfs://{LOOPBACK}:{port}"
        finally:
            cluster.kill()


class Folder(Storage):
    """A folder on any store that Spark knows, for tests to damage."""

    def __init__(self, location: str) -> None:
        """Take its address; it is reached by the warm Spark."""
        warm_session()
        super().__init__(location)

    def newest(self, log: str) -> int:
        """Return the highest number among the files of a log."""
        return max(int(name) for name in self.list(log) if name.isdecimal())

    def delete(self, name: str = "") -> None:
        """Delete a file or a folder with all that is in it."""
        assert self._system.delete(self._at(name), True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in the place of the one that is there."""
        stream = self._system.create(self._at(name), True)
        stream.write(bytearray(content))
        stream.close()
