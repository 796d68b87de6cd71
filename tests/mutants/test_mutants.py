"""The list of mutants fits the source and the tests; `make mutants` tries them."""

from pathlib import Path

import pytest

from local_stack.environment import REPO
from tests.mutants.mutant import Mutant, SourceChanged
from tests.mutants.mutants import MUTANTS
from tests.mutants.sandbox import Outcome

ANY_MUTANT = Mutant("any", "any.py", "a < b", "a <= b", "any.py", "any")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_one_place_and_names_a_test_that_is_there(mutant: Mutant) -> None:
    mutated = mutant.apply((REPO / mutant.file).read_text())
    if Path(mutant.file).suffix == ".py":
        compile(mutated, mutant.file, "exec")
    assert f"\ndef {mutant.test}(" in (REPO / "tests" / mutant.test_file).read_text()


def test_names_are_different() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize(("source", "found"), [("a > b", 0), ("a < b or a < b", 2)])
def test_a_source_that_has_changed_is_refused(source: str, found: int) -> None:
    with pytest.raises(SourceChanged, match=rf"^any: any.py holds 'a < b' {found} times, not once$"):
        ANY_MUTANT.apply(source)


@pytest.mark.parametrize(
    ("exit_code", "output", "failed_test"),
    [
        (1, "FAILED tests/unit/test_a.py::test_a[x - y] - assert 1 == 2", "tests/unit/test_a.py::test_a"),
        (1, "ERROR tests/unit/test_a.py::test_a - a fixture", None),
        (2, "ERROR tests/unit/test_a.py - an import", None),
        (4, "ERROR: not found: tests/unit/test_a.py::test_a", None),
        (None, "FAILED tests/unit/test_a.py::test_a - and then it did not end", None),
        (0, "1 passed", None),
    ],
)
def test_only_a_test_that_fails_catches_a_mutant(exit_code: int | None, output: str, failed_test: str | None) -> None:
    assert Outcome(exit_code, output, seconds=1).failed_test == failed_test
