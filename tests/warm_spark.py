"""One Spark for all tests whose subject is not the process: it starts once, and each run takes a second or two.

A run is what the application does between its start and its end, with the settings of its pipeline: `aggregate` or
`restate`, its output, and its exit code. The session lives on, so nothing of a run may be left in it for the next one.
"""

import logging
import os
import shlex
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from local_stack.environment import LOOPBACK, PROPERTIES_FILE
from local_stack.java import java_home
from local_stack.spark import APPLICATION
from tests.timing import timed
from web_traffic.jobs.aggregate import aggregate
from web_traffic.jobs.application import run, start_session
from web_traffic.jobs.restate import restate
from web_traffic.settings import RestateSettings, Settings
from web_traffic.warehouse.ledger import Summary

SMALL_RUN = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
ROOM = "-Xmn600m"
"""For what hundreds of runs leave behind: collecting a small young generation takes a tenth of their time."""
FORGETFUL = {"spark.kafka.consumer.cache.timeout": "5s", "spark.kafka.consumer.cache.evictorThreadRunInterval": "5s"}
"""Spark keeps Kafka consumers for five minutes; nobody asks for those of a test that is over."""


@cache
def warm_session() -> SparkSession:
    """Start Spark in this process with the properties of the embedded stack, once."""
    options = {"spark.driver.extraJavaOptions": f"{SMALL_RUN} {ROOM}", **FORGETFUL}
    conf = [part for name, value in options.items() for part in ("--conf", f"{name}={value}")]
    environment = {
        "JAVA_HOME": str(java_home()),
        "SPARK_LOCAL_IP": LOOPBACK,
        "PATH": os.pathsep.join((str(Path(sys.prefix, "bin")), os.environ.get("PATH", os.defpath))),
        "PYSPARK_SUBMIT_ARGS": shlex.join(["--properties-file", str(PROPERTIES_FILE), *conf, "pyspark-shell"]),
    }
    logging.getLogger("py4j").setLevel(logging.WARNING)  # it would talk into a stream that is closed by then
    with pytest.MonkeyPatch.context() as patch, timed("start of the warm Spark"):
        for name, value in environment.items():
            patch.setenv(name, value)
        return start_session(Settings.from_environment({}), records=0)


def run_here(application: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run an application with the settings of `environment`, and return its exit code and output as of a process."""
    session, output = warm_session(), StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        code = _exit_code(lambda: WORK[application](environment))
    for query in session.streams.active:
        query.stop()  # it would have ended with the process
    return subprocess.CompletedProcess([str(application)], code, output.getvalue(), "")


def _exit_code(work: Callable[[], Summary]) -> int:
    try:
        run(work)
    except SystemExit as ending:
        if isinstance(ending.code, int):
            return ending.code
        sys.stderr.write(f"{ending.code}\n")
        return 1
    except Exception:  # noqa: BLE001  a process would end with it in this way, whatever it was
        traceback.print_exc()
        return 1
    return 0


WORK: dict[Path, Callable[[Mapping[str, str]], Summary]] = {
    APPLICATION: lambda environment: aggregate(Settings.from_environment(environment)),
    APPLICATION.with_name("restate.py"): lambda environment: restate(
        Settings.from_environment(environment), RestateSettings.from_environment(environment)
    ),
}
