"""A Spark standalone cluster on this machine: a master and workers of one core each, by Spark's own classes."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark

from local_stack.environment import LOOPBACK

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
MASTER_IS_UP, WORKER_IS_UP = r"Starting Spark master at (spark://\S+)", "Successfully registered with master"
LIMIT_SECONDS = 120


@contextmanager
def cluster(workers: int, memory: str, environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Start them, and yield the master's URL when all workers have registered; at the end they are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    own = dict(environment) | {
        "SPARK_MASTER_HOST": LOOPBACK,
        "SPARK_LOCAL_IP": LOOPBACK,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_WORKER_DIR": str(folder),
        "SPARK_DAEMON_MEMORY": "256m",
    }
    with ExitStack() as started:
        log = folder / "master.log"
        # The master takes a port that is free: one that is chosen before may be taken by then.
        master = ["--host", LOOPBACK, "--port", "0", "--webui-port", "0"]
        process = started.enter_context(_running([str(SPARK_CLASS), MASTER, *master], own, log))
        [url] = _said(MASTER_IS_UP, process, log)
        logs = [folder / f"worker-{number}.log" for number in range(workers)]
        worker = ["--host", LOOPBACK, "--cores", "1", "--memory", memory, "--webui-port", "0", url]
        starting = [started.enter_context(_running([str(SPARK_CLASS), WORKER, *worker], own, log)) for log in logs]
        for process, log in zip(starting, logs, strict=True):
            _said(WORKER_IS_UP, process, log)
        yield url


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _said(pattern: str, process: subprocess.Popen[bytes], log: Path) -> list[str]:
    """Wait until a program's log has the pattern, and return what was found."""
    end = time.monotonic() + LIMIT_SECONDS
    while not (found := re.findall(pattern, log.read_text())):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"a program of the cluster did not come up: {log.read_text()[-2000:]}")
        time.sleep(0.1)  # it tells nobody that it is up
    return found
