import pytest

# What these modules assert for the tests shows its values, as the tests' own assertions do.
pytest.register_assert_rewrite("tests.faults", "tests.pipeline", "tests.redriving", "tests.restating")
