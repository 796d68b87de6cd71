"""Every mutant still finds its place in the source, and its test."""

import pytest

from local_stack.environment import REPO
from tests.mutants.mutant import Mutant
from tests.mutants.mutants import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_names_a_place_and_a_test_that_exist(mutant: Mutant) -> None:
    source = (REPO / mutant.file).read_text()
    assert mutant.apply(source) != source
    assert f"def {mutant.test.partition('[')[0]}(" in (REPO / "tests" / mutant.test_file).read_text()
