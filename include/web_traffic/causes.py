"""Explains a failure in one line, and tells whether a person has to put it right or the cause may be temporary.

An error that a person has to put right carries the way out in its line. Everything else may be tried again.
"""

import re
import sys
import traceback
from typing import NamedTuple

import psycopg

from web_traffic.errors import MORE_MEMORY, NeedsAttention
from web_traffic.masking import masked, without_passwords
from web_traffic.traces import SPEAKS_FOR_ITSELF, innermost

LONGEST_LINE = 1000
REPORT = "report it, with the log"
MIGRATE = "web-traffic migrate"
PYTHON = "name a Python of the driver's version by spark.pyspark.python (docs/clusters.md)"
INSTALL = "install it for the Python of driver and workers; docs/clusters.md has another way"
_LOGIN_REFUSED = (
    r"(?:password|PAM) authentication failed|no password supplied|no pg_hba\.conf entry|not permitted to log in"
    r"|(?:role|database) \".*\" does not exist|permission denied for database|server does not support SSL"
    r"|certificate|invalid \w+ value"
)


class Failure(NamedTuple):
    """The explanation of an error."""

    line: str
    """The innermost cause: its class and the first line of its message, without passwords and event contents."""
    needs_attention: bool
    """Whether a retry would fail again."""
    is_understood: bool
    """Whether the line says everything, so that a traceback adds nothing."""


class Remedy(NamedTuple):
    """What a person can do about some errors."""

    kind: str
    """Regular expression for the whole name of the class, without its package."""
    message: str
    """Regular expression for a part of the message."""
    advice: str
    is_certain: bool = True
    """Whether only this helps; otherwise a retry may."""


REMEDIES = (
    Remedy("InsufficientPrivilege", "", "grant the role the privilege that it lacks"),
    Remedy("Undefined.+|InvalidSchemaName", "", f"restore what the migrations made, or apply them: {MIGRATE}"),
    Remedy(".*", "not allowed in statement pooling mode", "set PgBouncer to pool_mode = transaction or session"),
    Remedy("OperationalError", _LOGIN_REFUSED, "correct POSTGRES_URL, POSTGRES_USER or POSTGRES_PASSWORD"),
    Remedy(r"\w*AuthenticationException", "", "correct the login of Kafka's client"),
    Remedy(r"\w*AuthorizationException", "", "give Kafka's client the rights (ACLs) that it lacks"),
    Remedy("OutOfMemoryError", "native thread", "allow the user more processes and threads"),
    Remedy("OutOfMemoryError", "", MORE_MEMORY),
    Remedy(
        "SparkException",
        "SparkContext was shut down",
        f"the log above says why, and if it has OutOfMemoryError: {MORE_MEMORY}",
        is_certain=False,
    ),
    Remedy("PermissionError|AccessDeniedException|AccessControlException", "", "give the run's user these rights"),
    Remedy("FileNotFoundException", "Permission denied", "give the run's user these rights"),
    Remedy("ModuleNotFoundError", "", INSTALL),
    Remedy(
        r"\w*RuntimeError", "PYTHON_VERSION_MISMATCH", f"the workers need the driver's version of Python: {PYTHON}"
    ),
    Remedy("SparkException", "^Error from python worker", f"it must heed PYTHONPATH, so without -E: {PYTHON}"),
    Remedy("IOException", "^Cannot run program", f"it is not on the workers: {PYTHON}"),
    Remedy("(?:Spark)?ArithmeticException|AnalysisException|ParseException", "", REPORT),
)
"""The first one that fits counts."""
PROGRAM_ERRORS = (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError)
"""Errors that PostgreSQL raises again, however often it is asked."""


class _Cause(NamedTuple):
    name: str
    message: str
    type: type | None
    """None for a class that is not known here, such as all of Java's."""


_JVM_ENDED = _Cause("JvmEnded", "Spark's JVM has ended: it was killed, or the end of the log says why", None)


def explain(error: BaseException) -> Failure:
    """Explain an error by its innermost cause."""
    cause = _innermost(error)
    is_ours = _is_a(cause, NeedsAttention) or (cause.type and cause.type.__module__.startswith("web_traffic"))
    message = re.sub(r"^connection failed: connection to server at .* failed: (?=FATAL|ERROR)", "", cause.message)
    first, *others = message.strip().splitlines() or [""]
    text = " ".join([*first.split(), *(others[0].split() if others and first.endswith(":") else ())])
    line = f"{cause.name}: {text or 'no message'}"
    line = (without_passwords(line) if is_ours else masked(line))[:LONGEST_LINE]
    if is_ours:
        return Failure(line, _is_a(cause, NeedsAttention), is_understood=True)
    if remedy := _remedy(cause):
        is_understood = remedy.is_certain and remedy.advice != REPORT
        return Failure(f"{line}; {remedy.advice}", remedy.is_certain, is_understood)
    is_understood = _is_a(cause, psycopg.OperationalError) or cause == _JVM_ENDED
    return Failure(line, needs_attention=False, is_understood=is_understood)


def _remedy(cause: _Cause) -> Remedy | None:
    for remedy in REMEDIES:
        if re.fullmatch(remedy.kind, cause.name) and re.search(remedy.message, cause.message):
            return remedy
    return Remedy("", "", REPORT) if _is_a(cause, *PROGRAM_ERRORS) else None


def _innermost(error: BaseException) -> _Cause:
    """Go from an error to its cause, until one speaks for itself or has no known cause."""
    inner: BaseException | None = error
    seen = set()
    while inner and id(inner) not in seen:
        error = inner
        seen.add(id(error))
        if isinstance(error, NeedsAttention) or type(error).__module__.startswith(SPEAKS_FOR_ITSELF):
            break
        if _is_of_py4j(error):
            return _JVM_ENDED
        if trace := innermost(_text(error)) if _is_of_jvm(error) else None:
            package, _, name = trace.kind.replace("$", ".").rpartition(".")
            return _Cause(name, trace.message, getattr(sys.modules.get(package), name, None))
        inner = _caused_by(error)
    return _Cause(type(error).__name__, _text(error), type(error))


def _caused_by(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        first: BaseException = error.exceptions[0]
        return first
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _is_of_jvm(error: BaseException) -> bool:
    """Whether it is an exception of the JVM, as py4j or pyspark hands it over."""
    return hasattr(error, "java_exception") or hasattr(error, "_stackTrace")


def _is_of_py4j(error: BaseException) -> bool:
    """Whether py4j did not reach the JVM: its errors about a call that the JVM refused hold the JVM's trace."""
    if _is_of_jvm(error) or "Trace:" in str(error):
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and str(frames[-1].f_globals.get("__name__")).startswith("py4j.")


def _text(error: BaseException) -> str:
    """Return the text of an error; for an error of the JVM its stack trace, if the JVM still answers."""
    try:
        return getattr(error, "_stackTrace", None) or str(error)
    except Exception:  # noqa: BLE001  py4j raises errors of any kind when the JVM has ended meanwhile
        return ""


def _is_a(cause: _Cause, *types: type) -> bool:
    return isinstance(cause.type, type) and issubclass(cause.type, types)
