"""Helps to run spark-submit: the options of the driver's JVM, and the cause of a failure from its log."""

import os
import re
from pathlib import Path

from web_traffic.errors import EXIT_NEEDS_ATTENTION, MORE_MEMORY, SettingsError

JAVA_OPTIONS = "spark.driver.extraJavaOptions"
DRIVER_MEMORY = "spark.driver.memory"
DEPLOY_MODE = "spark.submit.deployMode"
TRACKING = "yarn_resourcemanager_webapp_address"
"""Where the connection has the address of YARN's ResourceManager, in the words of Airflow's provider."""
EXIT_OUT_OF_MEMORY = 52
"""Exit code of a JVM of Spark that ran out of memory."""
NEEDS_ATTENTION = (EXIT_NEEDS_ATTENTION, EXIT_OUT_OF_MEMORY)
_CAUSE = re.compile(r"[A-Z]\w*: \S.*")
_WARNING = re.compile(r"(?:WARNING|NOTE|OpenJDK)\b")
_COLLECTOR = re.compile(r"-XX:\+Use\w+GC\b")
_FIRST_HEAP = re.compile(r"-Xms1g\b")
_MEBIBYTES = {"k": 1 / 1024, "": 1, "m": 1, "g": 1024, "t": 1024**2}


def with_options_of_user(own: str, properties_file: str | None) -> str:
    """Return the options of the JVM: ours, then those from the user's properties, which override ours.

    If the user chooses a garbage collector, ours is left out: the JVM refuses two. So is our first size of the heap if
    the user gives the driver less memory than that.
    """
    given = given_property(properties_file, JAVA_OPTIONS)
    if _COLLECTOR.search(given):
        own = _COLLECTOR.sub("", own)
    memory = re.fullmatch(r"(\d+)([kmgt]?)b?", given_property(properties_file, DRIVER_MEMORY).lower())
    if memory and int(memory[1]) * _MEBIBYTES[memory[2]] < _MEBIBYTES["g"]:
        own = _FIRST_HEAP.sub("", own)
    return " ".join(f"{own} {given}".split())


def runs_on_yarn(master: str, asked: str | None, tracking: str | None, properties_file: str | None) -> bool:
    """Whether the driver runs in a YARN cluster; otherwise it runs here, in deploy mode client.

    `asked` and `tracking` are deploy mode and ResourceManager's address of the connection. Raises `SettingsError` for
    what Spark or the operators can't do.
    """
    if (asked or given_property(properties_file, DEPLOY_MODE)) != "cluster":
        return False
    if master != "yarn":
        raise SettingsError(
            f"deploy mode cluster (deploy-mode in the extra of spark_default, or {DEPLOY_MODE} in Spark's properties) "
            f"does not work with the master {master}: {_objection(master)}. Use deploy mode client"
        )
    if not tracking:
        raise SettingsError(
            f"deploy mode cluster needs {TRACKING} in the extra of spark_default, such as http://rm.example:8088: "
            "there a retry finds the driver that lives on, and a task that is stopped ends it"
        )
    return True


def _objection(master: str) -> str:
    if master.startswith("spark://"):
        return "Spark has no such mode for Python on a standalone cluster"
    return "the driver would get no addresses and no logins there"


def exit_status(diagnostics: str) -> int | None:
    """Return the exit code of an application in YARN's words about its end; None if it did not end by itself."""
    found = re.search(r"exited with status (\d+)", diagnostics)
    return int(found[1]) if found else None


def cause_of(cause_file: Path, log: str, exit_code: int | None) -> str:
    """Return why the application failed, in its own words if it came to say them, or else from the end of its log."""
    if cause_file.is_file() and (cause := cause_file.read_text()):
        return cause
    if exit_code == EXIT_OUT_OF_MEMORY:
        return f"OutOfMemoryError: {MORE_MEMORY}"
    for line in reversed(log.splitlines()):
        if _CAUSE.fullmatch(line.strip()) and not _WARNING.match(line.strip()):
            return line.strip()
    if exit_code is not None and exit_code < 0:
        return f"spark-submit was ended by signal {-exit_code}: it was killed, or the machine had no memory left"
    return f"spark-submit ended with exit code {exit_code}: its log says why"


def given_property(properties_file: str | None, name: str) -> str:
    """Return a property of the properties file, or else of Spark's own file of defaults."""
    file = Path(properties_file) if properties_file else _defaults_file()
    return _property(file.read_text(), name) if file and file.is_file() else ""


def _defaults_file() -> Path | None:
    if "SPARK_CONF_DIR" in os.environ:
        return Path(os.environ["SPARK_CONF_DIR"], "spark-defaults.conf")
    return Path(os.environ["SPARK_HOME"], "conf", "spark-defaults.conf") if "SPARK_HOME" in os.environ else None


def _property(text: str, name: str) -> str:
    """Read a property of a Java properties file; the last line that sets it counts."""
    value = ""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        key, *rest = re.split(r"\s*[=:\s]\s*", line.strip(), maxsplit=1)
        if key == name:
            value = rest[0] if rest else ""
    return value
