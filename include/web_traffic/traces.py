"""Finds the innermost cause in the text of a stack trace, of Java or of Python, or of one within the other.

Spark hands errors on as text: the JVM gets the traceback of a Python worker as the message of an exception, and Python
gets the stack trace of the JVM in the same way.
"""

import re
import textwrap
from typing import NamedTuple

PY4J_HEAD = "An error occurred while calling "
TRACEBACK = "Traceback (most recent call last):"
WORKER_CRASHED = "Python worker exited unexpectedly"
"""Spark's words for a killed worker; the causes below it only say that its socket ended."""
NOT_STARTED = "Cannot run program"
"""Java's words for a program that does not start; the cause below it does not name the program."""
SPEAKS_FOR_ITSELF = ("web_traffic", "psycopg")
"""Packages whose errors say more than what caused them."""

_JAVA_CAUSE = re.compile(r"^Caused by: ", re.MULTILINE)
_JAVA_FRAMES = re.compile(r"\n\t(?:at |\.\.\. )")
_LOST_TASK = re.compile(r"most recent failure: Lost task .*?\(TID \d+\) \(.*?\): (.*)", re.DOTALL)
_EARLIER = re.compile(
    r"\n(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):\n"
)
_FIRST_OF_GROUP = re.compile(r"-{16} 1 -{16}\n(.*?)\n[ |]*\+-{16}", re.DOTALL)
_ERROR = re.compile(r"([A-Za-z_][\w.$]*)(?::\s(.*))?", re.DOTALL)


class Trace(NamedTuple):
    """One error of a stack trace."""

    kind: str
    """Name of its class, with its package."""
    message: str


def innermost(text: str) -> Trace | None:
    """Return the innermost cause that has a message; None if the text is no stack trace."""
    if text.startswith(PY4J_HEAD):
        text = text.partition("\n: ")[2]
    causes = [
        cause for block in _JAVA_CAUSE.split(text) if (cause := _java_error(_JAVA_FRAMES.split(block, maxsplit=1)[0]))
    ]
    named = [cause for cause in causes if WORKER_CRASHED in cause.message or NOT_STARTED in cause.message]
    telling = named or [cause for cause in causes if cause.message] or causes
    return telling[-1] if telling else None


def _java_error(head: str) -> Trace | None:
    """Read the part of a stack trace ahead of its frames."""
    error = _error(head)
    if error is None:
        return None
    if TRACEBACK in error.message:
        return _python_error(error.message) or error
    if lost := _LOST_TASK.search(error.message):
        return _error(lost[1]) or Trace(error.kind, lost[1])
    return error


def _python_error(text: str) -> Trace | None:
    """Read a traceback: of a chain of errors the first one, unless a later one speaks for itself."""
    if group := _FIRST_OF_GROUP.search(text):
        return _member(group[1])
    found = None
    for part in reversed(_EARLIER.split(text)):
        found = _last_of_frames(part) or found
        if found and found.kind.partition(".")[0] in SPEAKS_FOR_ITSELF:
            break
    return found


def _member(text: str) -> Trace | None:
    """Read a member of an exception group, which is indented behind a bar; the JVM takes some of the bars away."""
    plain = textwrap.dedent("\n".join(re.sub(r"^ *\| ?", "", line) for line in text.splitlines()))
    return _python_error(plain) if TRACEBACK in plain else _error(plain)


def _last_of_frames(text: str) -> Trace | None:
    """Return the error that a traceback ends with: the first line that is not indented as frames are."""
    lines = text.partition(TRACEBACK)[2].lstrip("\n").splitlines()
    begin = next((number for number, line in enumerate(lines) if line and not line.startswith(" ")), None)
    if begin is None:
        return None
    error = _error("\n".join(lines[begin:]))
    return (_python_error(error.message) or error) if error and TRACEBACK in error.message else error


def _error(text: str) -> Trace | None:
    match = _ERROR.fullmatch(text.strip())
    return Trace(match[1], (match[2] or "").strip()) if match else None
