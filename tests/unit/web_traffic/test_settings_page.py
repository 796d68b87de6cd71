"""docs/settings.md names each environment variable that the code reads, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parents[3]
PAGE = REPO / "docs" / "settings.md"
SOURCES = sorted(file for folder in ("include", "plugins", "dags") for file in (REPO / folder).rglob("*.py"))
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
"""All names have an underscore; it tells them from other words in capitals."""
ENVIRONMENT = ("environ", "getenv")


def reads_the_environment(node: ast.AST) -> bool:
    names = (getattr(part, "id", None) or getattr(part, "attr", None) for part in ast.walk(node))
    return any(name in ENVIRONMENT for name in names)


def variables(source: str) -> Iterator[str]:
    """Yield each text that looks like a variable, in the functions and classes that read the environment.

    So the name is found whether it is in `environ.get(…)`, `environ[…]`, a call such as `_flag(environ, …)`, or a
    tuple of names.
    """
    for node in filter(reads_the_environment, ast.parse(source).body):
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and VARIABLE.fullmatch(part.value):
                yield part.value


def read_by_the_code() -> set[str]:
    return {name for file in SOURCES for name in variables(file.read_text())}


def named_on_the_page() -> set[str]:
    """Return the names in the first cells of the tables."""
    cells = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("|")]
    return {name for cell in cells for name in re.findall(r"`([A-Z0-9_]+)`", cell)}


@pytest.mark.parametrize(
    "source",
    [
        'def f(environ):\n    return environ.get("SOME_NAME", "4")',
        'def f():\n    return os.environ["SOME_NAME"] if "SOME_NAME" in os.environ else None',
        'def f():\n    return os.getenv("SOME_NAME")',
        'class S:\n    def f(environ):\n        return _flag(environ, "SOME_NAME")',
        'def f(environ):\n    return [_time(environ, name) for name in ("SOME_NAME",)]',
        'SOME = os.environ.get("SOME_NAME")',
    ],
)
def test_a_variable_is_found_however_it_is_read(source: str) -> None:
    assert set(variables(source)) == {"SOME_NAME"}


def test_a_text_where_nothing_is_read_is_no_variable() -> None:
    assert set(variables('def f(environ):\n    pass\n\nSOME = "SOME_NAME"')) == set()


def test_every_variable_that_the_code_reads_stands_in_a_table_of_the_page() -> None:
    read = read_by_the_code()
    assert {"KAFKA_URL", "RESTATE_TO", "FAULT_POINT", "SPARK_CONF_DIR"} <= read
    assert sorted(read - named_on_the_page()) == []


def test_the_page_names_no_variable_that_nothing_reads() -> None:
    assert sorted(named_on_the_page() - read_by_the_code()) == []
