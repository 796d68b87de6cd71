"""YARN of two machines with HDFS, as one process on loopback: `python -m tests.hadoop.yarn FOLDER` starts it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psutil
import requests

from local_stack.environment import LOOPBACK
from local_stack.jars import bring_jars, class_path
from local_stack.java import java_home
from tests.faults.stopped import is_stopped, wait_until

SOURCE = Path(__file__).with_name("MiniYarn.java")
LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Yarn:
    """A cluster that runs; clients find it by the files in `home`."""

    home: Path
    pid: int

    @property
    def files(self) -> str:
        """Address of the file system."""
        return _properties(self.home / "core-site.xml")["fs.defaultFS"]

    @property
    def address(self) -> str:
        """Address of the ResourceManager's REST API."""
        return f"http://{_properties(self.home / 'yarn-site.xml')['yarn.resourcemanager.webapp.address']}"

    def applications(self) -> list[dict[str, Any]]:
        """Return all applications, the newest one first."""
        answer = requests.get(f"{self.address}/ws/v1/cluster/apps", timeout=10).json()
        found: list[dict[str, Any]] = (answer["apps"] or {}).get("app", [])
        return sorted(found, key=lambda one: str(one["id"]), reverse=True)

    def stopped_processes(self) -> list[psutil.Process]:
        """Return the processes of containers that stand still at a fault point."""
        family = psutil.Process(self.pid).children(recursive=True)
        return [process for process in family if is_stopped(process)]

    def traces(self) -> Iterator[Path]:
        """Yield every file that containers have had or written."""
        yield from (file for file in (self.home / "yarn").rglob("*") if file.is_file())


@contextmanager
def yarn_cluster(home: Path) -> Iterator[Yarn]:
    """Start it, and stop it at the end; it also ends with this process."""
    bring_jars("hadoop")
    home.mkdir(parents=True)
    hosts = home / "hosts"
    hosts.write_text(f"{LOOPBACK} localhost {socket.gethostname()}\n")  # it listens where its name points to
    jars = os.pathsep.join(map(str, class_path("hadoop")))
    options = ["-Xmx800m", f"-Djdk.net.hosts.file={hosts}", f"-Djava.io.tmpdir={home}"]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            [str(java_home() / "bin" / "java"), *options, "-cp", jars, str(SOURCE), str(home)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
        )
    try:

        def is_up() -> bool:
            assert process.poll() is None, (home / "log").read_text()[-3000:]
            return (home / "yarn-site.xml").is_file()

        wait_until(is_up, "the YARN cluster", LIMIT_SECONDS)
        yield Yarn(home, process.pid)
    finally:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        process.communicate()
        psutil.wait_procs(family)


def main() -> None:
    """Run a cluster until Ctrl-C."""
    home = Path(sys.argv[1]).absolute()
    shutil.rmtree(home, ignore_errors=True)
    with suppress(KeyboardInterrupt), yarn_cluster(home) as yarn:
        print(f"YARN is up: {yarn.address}; HDFS: {yarn.files}; HADOOP_CONF_DIR={home}; Ctrl-C ends it", flush=True)
        signal.pause()


def _properties(file: Path) -> dict[str, str]:
    """Read one of Hadoop's configuration files."""
    entries = ElementTree.parse(file).getroot().iter("property")
    return {str(entry.findtext("name")): str(entry.findtext("value")) for entry in entries}


if __name__ == "__main__":
    main()
