"""Finds the SQL: each statement is in a file of its own, in the folder `sql/` beside the module that runs it."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path


def statements_beside(module: str) -> Callable[[str], bytes]:
    """Return the function that a module calls for its SQL; the module passes its own `__file__`.

    The function takes a name and returns the statement in `sql/<name>.sql`.
    """
    return partial(_statement, Path(module).with_name("sql"))


@cache
def _statement(folder: Path, name: str) -> bytes:
    return (folder / f"{name}.sql").read_bytes()
