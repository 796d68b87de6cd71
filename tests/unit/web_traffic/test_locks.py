"""The list of advisory locks is complete: the code takes no other one, and each of them is taken."""

import re
from itertools import chain

from local_stack.environment import REPO
from web_traffic.warehouse.locks import Lock

SHIPPED = ("include", "plugins", "dags", "local_stack", "simulator")
CALL = re.compile(r"pg_(?:try_)?advisory_\w+\s*\((?P<number>.*?)\)(?:[\"'], \[(?P<bound>.*?)\])?", re.DOTALL)
TYPED = "lock"
"""The argument of `take_turn`. Its type is `Lock`, which mypy checks."""


def sources() -> dict[str, str]:
    """Return every file of Python and SQL that runs in production or in the embedded stack, by its path."""
    files = chain.from_iterable((REPO / folder).rglob(kind) for folder in SHIPPED for kind in ("*.py", "*.sql"))
    return {str(file.relative_to(REPO)): file.read_text() for file in files}


def test_every_advisory_lock_in_the_code_is_one_of_the_list() -> None:
    taken = {
        (path, call["bound"] or call["number"]) for path, text in sources().items() for call in CALL.finditer(text)
    }
    allowed = {*(f"Lock.{lock.name}" for lock in Lock), *(str(lock.value) for lock in Lock)}
    assert taken, "the pattern finds no call any more"
    assert {(path, number) for path, number in taken if number not in allowed} == {
        ("include/web_traffic/warehouse/locks.py", TYPED)
    }


def test_every_lock_of_the_list_is_taken_somewhere() -> None:
    taken = set(re.findall(r"take_turn\(\s*\w+,\s*Lock\.([A-Z_]+)", "".join(sources().values())))
    assert taken == set(Lock.__members__)
