"""Which programs a command is about."""

from pathlib import Path

import pytest

from local_stack import StackError
from local_stack.programs import Program, choose

NAMES = ("postgres", "mail", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
PROGRAMS = {
    **{name: Program(name=name, title=name, command=list, directory=Path("/")) for name in NAMES},
    "traffic": Program(name="traffic", title="traffic", command=list, directory=Path("/"), is_optional=True),
}


def chosen(*names: str) -> list[str]:
    return [program.name for program in choose(PROGRAMS, names)]


def test_no_name_means_all_that_are_not_optional() -> None:
    assert chosen() == list(NAMES)


def test_airflow_stands_for_its_four_programs() -> None:
    assert chosen("airflow") == [name for name in NAMES if name.startswith("airflow-")]


def test_the_order_is_that_of_starting() -> None:
    assert chosen("traffic", "mail", "postgres") == ["postgres", "mail", "traffic"]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(StackError, match=r"Unknown program redis: choose from airflow, postgres, mail, .*traffic"):
        chosen("postgres", "redis")
