"""Stores for checkpoints beside the local disk, for tests: a real HDFS, and a server of S3."""

import atexit
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import requests

from local_stack.environment import LOOPBACK, Ports
from local_stack.jars import bring_jars, class_path
from local_stack.java import java_home
from tests.faults.stopped import wait_until
from tests.homes import fresh_home
from tests.timing import timed
from tests.warm_spark import warm_session
from web_traffic.storage import Storage

HDFS = {"dfs.replication": "1", "dfs.permissions.superusergroup": "none"}
BUCKET, KEY, SECRET = "checkpoints", "web-traffic", "hush-0815"
CREDENTIALS = {"fs.s3a.access.key": KEY, "fs.s3a.secret.key": SECRET}
"""The login at S3, by Hadoop's names for a store of keys."""
S3PROXY = """\
s3proxy.endpoint=http://{host}:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={key}
s3proxy.credential={secret}
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir={data}
"""
CORE_SITE = """\
<configuration>
<property><name>fs.s3a.endpoint</name><value>http://{host}:{port}</value></property>
<property><name>fs.s3a.endpoint.region</name><value>us-east-1</value></property>
<property><name>fs.s3a.path.style.access</name><value>true</value></property>
<property><name>fs.s3a.buffer.dir</name><value>{buffer}</value></property>
</configuration>
"""


@dataclass(frozen=True)
class Store:
    """A store that runs."""

    root: str
    """The address below which checkpoints may lie."""
    environment: Mapping[str, str]
    """What Spark needs to reach it."""
    files: str
    """Where the tests find, with the warm Spark, what lies at that address."""


@contextmanager
def hdfs(folder: Path) -> Iterator[Store]:
    """Run a NameNode and a DataNode with their data in a folder."""
    bring_jars("hadoop")
    details, port = folder / "details.json", Ports.free().postgres
    properties = HDFS | {"hdfs.minidfs.basedir": str(folder / "data"), "hadoop.tmp.dir": str(folder)}
    command = [
        *("-cp", ":".join(map(str, class_path("hadoop")))),
        *("org.apache.hadoop.test.MiniDFSClusterManager", "-format", "-datanodes", "1"),
        *("-nnport", str(port), "-writeDetails", str(details)),
        *(part for name, value in properties.items() for part in ("-D", f"{name}={value}")),
    ]
    with _java(command, folder, lambda: details.is_file() and details.stat().st_size > 0):
        root = f"hdfs://{LOOPBACK}:{port}"
        yield Store(root, {}, root)


@contextmanager
def s3(folder: Path) -> Iterator[Store]:
    """Run a server of S3 that keeps each object as a file."""
    bring_jars("s3a", "s3proxy")
    port, data, conf = Ports.free().postgres, folder / "data", folder / "conf"
    for made in (data / BUCKET, conf):
        made.mkdir(parents=True)
    configuration = folder / "s3proxy.properties"
    configuration.write_text(S3PROXY.format(host=LOOPBACK, port=port, key=KEY, secret=SECRET, data=data))
    (conf / "core-site.xml").write_text(CORE_SITE.format(host=LOOPBACK, port=port, buffer=folder / "buffer"))
    environment = {
        "HADOOP_CONF_DIR": str(conf),
        "SPARK_DIST_CLASSPATH": ":".join(map(str, class_path("s3a"))),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    jars = ":".join(map(str, class_path("s3proxy")))
    command = ["-cp", jars, "org.gaul.s3proxy.Main", "--properties", str(configuration)]
    with _java(command, folder, lambda: _answers(port)):
        yield Store(f"s3a://{BUCKET}", environment, f"file://{data}/{BUCKET}")


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://{LOOPBACK}:{port}/", timeout=5).status_code > 0
    except requests.ConnectionError:
        return False


@contextmanager
def _java(arguments: list[str], folder: Path, is_up: Callable[[], bool]) -> Iterator[None]:
    """Run a server until the block ends; what it says is in `log.txt` of the folder."""
    options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", f"-Djava.io.tmpdir={folder}"]
    java = [str(java_home() / "bin" / "java"), *options]
    log = folder / "log.txt"
    with (
        log.open("w") as output,
        subprocess.Popen([*java, *arguments], stdout=output, stderr=output, cwd=folder) as it,
    ):

        def has_started() -> bool:
            assert it.poll() is None, log.read_text()[-3000:]
            return is_up()

        try:
            with timed("start of a store"):
                wait_until(has_started, f"{arguments[2]} to start", within=120)
            yield
        finally:
            it.kill()


STORES: Mapping[str, Callable[[Path], AbstractContextManager[Store]]] = {"HDFS": hdfs, "S3": s3}


@cache
def running_store(name: str) -> Store:
    """Return a store that runs until this process ends."""
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    return until_the_end.enter_context(STORES[name](fresh_home(f"store-{name}-{os.getpid()}")))


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

    def make(self) -> None:
        """Make the folder, with those above it."""
        assert self._system.mkdirs(self._path)

    def limit(self, most_bytes: int | None) -> None:
        """Limit what HDFS takes below this folder, its copies included; None for no limit."""
        unlimited = 2**63 - 1  # for the names; a limit of bytes is removed by -1
        self._system.setQuota(self._path, unlimited, -1 if most_bytes is None else most_bytes)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, in the place of the one that is there."""
        stream = self._system.create(self._at(name), True)
        stream.write(bytearray(content))
        stream.close()
