"""Which statements the measurement of many runs knows."""

from bench.runs import DOMAIN, ELSEWHERE, PARTS


def test_each_statement_is_measured_or_named_among_the_others() -> None:
    listed = [group.split(": ") for part in PARTS.values() for group in part.split(", ")]
    known = [(folder, name) for folder, names in [*listed, *ELSEWHERE.items()] for name in names.split()]
    files = [(file.parts[-3], file.stem) for file in DOMAIN.glob("*/sql/*.sql")]
    assert sorted(known) == sorted(files)
