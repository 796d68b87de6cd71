"""A Spark standalone cluster on this machine: a master and workers of one core each, by Spark's own classes."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pyspark

from local_stack.environment import LOOPBACK, Ports

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"
LIMIT_SECONDS = 60


@contextmanager
def cluster(workers: int, memory: str, environment: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Start them, and yield the master's URL when all workers have registered; at the end they are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    ports = Ports.free()
    url = f"spark://{LOOPBACK}:{ports.kafka}"
    own = dict(environment) | {
        "SPARK_MASTER_HOST": LOOPBACK,
        "SPARK_LOCAL_IP": LOOPBACK,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_WORKER_DIR": str(folder),
        "SPARK_DAEMON_MEMORY": "256m",
    }
    with ExitStack() as started:
        master = ["--host", LOOPBACK, "--port", str(ports.kafka), "--webui-port", str(ports.airflow)]
        log = folder / "master.log"
        started.enter_context(_running([str(SPARK_CLASS), MASTER, *master], own, log))
        _wait(lambda: _listens(ports.kafka), "the master", log)
        logs = [folder / f"worker-{number}.log" for number in range(workers)]
        for log in logs:
            worker = ["--host", LOOPBACK, "--cores", "1", "--memory", memory, "--webui-port", "0", url]
            started.enter_context(_running([str(SPARK_CLASS), WORKER, *worker], own, log))
        for log in logs:
            _wait(partial(_has_registered, log), "a worker", log)
        yield url


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _has_registered(log: Path) -> bool:
    return "Successfully registered" in log.read_text()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def _wait(condition: Callable[[], bool], what: str, log: Path) -> None:
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} of the cluster did not come up: see {log}")
        time.sleep(0.1)  # a port and a worker tell nobody that they are there
