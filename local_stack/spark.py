"""Prepares Spark for the embedded stack: its properties file, its log, and the archives of its and Kafka's classes.

A JVM reads an archive of loaded classes faster than it loads them from jars. One run of the application, on a stack of
its own, makes both archives. Another build of the JVM ignores them.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyspark

from local_stack import kafka
from local_stack.environment import LOOPBACK, PROPERTIES_FILE, REPO, TRAINING, Stack
from local_stack.errors import StackError
from local_stack.jars import class_path
from local_stack.java import archive_options, class_archive, java_home, make_archive_option
from local_stack.lifecycle import running
from local_stack.progress import step
from local_stack.unsigned import unsigned_copies
from web_traffic.errors import KafkaUnavailable
from web_traffic.kafka import ensure_topic
from web_traffic.settings import Settings

FOLDER = PROPERTIES_FILE.parent
PYTHON = Path(__file__).with_name("spark-python")
LOG_CONFIGURATION = Path(__file__).with_name("spark-log4j2.properties")
APPLICATION = REPO / "include" / "web_traffic" / "jobs" / "aggregate.py"
TRAINING_EVENTS = 2_000
CHECKPOINT_FILES = "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
TRAINING_LIMIT_SECONDS = 180


class TooSlow(Exception):
    """The run that makes the archive took too long; the archive is only for speed."""


def prepare_spark() -> None:
    """Write to var/spark what a run of the application needs; the archive is made once per build of Java and Spark."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    archive = class_archive(FOLDER, _class_path(), f"spark-{pyspark.__version__}")
    missing = [place for place in (archive, kafka.broker_archive()) if not place.is_file()]
    if missing:
        for outdated in (outdated for place in missing for outdated in place.parent.glob("classes*")):
            outdated.unlink()
        try:
            with step(
                "The classes of Kafka and Spark are archived, for a faster start", "running the application once"
            ):
                _train(archive)
        except (TooSlow, KafkaUnavailable) as error:
            for place in missing:
                place.touch()  # an empty one, so that not every start tries again
            print(
                f"No archive of classes, so Kafka and runs start seconds later ({error}); to try again remove "
                f"{' and '.join(map(str, missing))}"
            )
    is_archived = archive.is_file() and archive.stat().st_size > 0
    _write_properties(PROPERTIES_FILE, " ".join(archive_options(archive)) if is_archived else "")


def submit_command(properties_file: Path = PROPERTIES_FILE, application: Path = APPLICATION) -> list[str]:
    """The command line that runs the Spark application, or another one in its place, by hand."""
    submit = str(Path(sys.prefix, "bin", "spark-submit"))
    return [submit, "--properties-file", str(properties_file), str(application)]


def submit_environment(stack: Stack) -> dict[str, str]:
    """The environment in which `submit_command` works on this stack."""
    path = f"{Path(sys.prefix, 'bin')}{os.pathsep}{os.environ.get('PATH', '')}"
    return {
        **{name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ},
        "PATH": path,
        "JAVA_HOME": str(java_home()),
        "SPARK_LOCAL_IP": LOOPBACK,
        **stack.job_environment(),
    }


def _write_properties(file: Path, java_options: str) -> None:
    properties: Mapping[str, str] = {
        "spark.master": "local[*]",
        "spark.jars": ",".join(map(str, class_path("spark"))),
        "spark.driver.extraClassPath": ":".join(map(str, _class_path())),
        "spark.pyspark.python": str(PYTHON),
        "spark.driver.memory": "2g",  # the default of 1 GiB is too small for two million open windows
        "spark.ui.enabled": "false",
        # The default class starts a process, readlink, for each file that it renames.
        "spark.sql.streaming.checkpointFileManagerClass": CHECKPOINT_FILES,
        "spark.driver.host": LOOPBACK,
        "spark.driver.bindAddress": LOOPBACK,
        "spark.driver.defaultJavaOptions": f"-Dlog4j2.configurationFile={LOG_CONFIGURATION.as_uri()} {java_options}",
    }
    file.write_text("".join(f"{name} {value}\n" for name, value in properties.items()))


def _class_path() -> list[Path]:
    """What goes ahead of Spark's jars: an archive holds no class of `spark.jars`, and none of a signed jar."""
    return [*unsigned_copies(FOLDER / f"unsigned-{pyspark.__version__}"), *class_path("spark")]


def _train(archive: Path) -> None:
    """Run the application on a few events, and have its JVM and the broker's archive the classes that they loaded."""
    shutil.rmtree(TRAINING, ignore_errors=True)
    archives = {archive.with_name("classes.partial"): archive, kafka.partial_archive(): kafka.broker_archive()}
    properties_file = FOLDER / "training.conf"
    _write_properties(properties_file, make_archive_option(archive.with_name("classes.partial")))
    try:
        _run_once(Stack.create(TRAINING), properties_file)
        for partial, whole in archives.items():
            if partial.is_file():
                partial.replace(whole)
    finally:
        for partial in archives:
            partial.unlink(missing_ok=True)
        properties_file.unlink()
        shutil.rmtree(TRAINING, ignore_errors=True)


def _run_once(stack: Stack, properties_file: Path) -> None:
    with running(stack, "postgres", "kafka"):
        owner = {"POSTGRES_USER": "web_traffic_owner", "POSTGRES_PASSWORD": stack.secrets.postgres_owner}
        _run(stack, [sys.executable, "-m", "web_traffic", "migrate"], owner)
        ensure_topic(Settings.from_environment(stack.job_environment()))
        _run(stack, [sys.executable, "-m", "simulator", "produce", "--events", str(TRAINING_EVENTS)])
        _run(stack, submit_command(properties_file))


def _run(stack: Stack, command: list[str], environment: Mapping[str, str] | None = None) -> None:
    process = subprocess.Popen(
        command,
        cwd=REPO,  # the simulator is found there
        env=submit_environment(stack) | dict(environment or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=TRAINING_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise TooSlow(f"{shlex.join(command)} took more than {TRAINING_LIMIT_SECONDS} s") from None
    if process.returncode:
        reason = (said.strip().splitlines() or ["no message"])[-1]
        raise StackError(f"The application failed on its first run ({shlex.join(command)}): {reason}")
