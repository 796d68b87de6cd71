"""Finds the SQL: each statement is in a file of its own, in the folder `sql/` beside the module that runs it."""

from collections.abc import Callable
from functools import cache, partial
from importlib import resources


def statements_beside(module: str) -> Callable[[str], bytes]:
    """Return the function that a module calls for its SQL; the module passes its own `__name__`.

    The function takes a name and returns the statement in `sql/<name>.sql`, also from a zip.
    """
    return partial(_statement, module.rpartition(".")[0])


@cache
def _statement(package: str, name: str) -> bytes:
    return (resources.files(package) / "sql" / f"{name}.sql").read_bytes()
