"""Which programs a command is about."""

import pytest

from local_stack import StackError
from local_stack.programs import Program, choose

NAMES = ("postgres", "mail", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
PROGRAMS = {
    **{name: Program(name=name, title=name, command=list, directory="/") for name in NAMES},
    "traffic": Program(name="traffic", title="traffic", command=list, directory="/", is_optional=True),
}


def chosen(*names):
    return [program.name for program in choose(PROGRAMS, names)]


def test_no_name_means_all_that_are_not_optional():
    assert chosen() == list(NAMES)


def test_airflow_stands_for_its_four_programs():
    assert chosen("airflow") == [name for name in NAMES if name.startswith("airflow-")]


def test_the_order_is_that_of_starting():
    assert chosen("traffic", "mail", "postgres") == ["postgres", "mail", "traffic"]


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(StackError, match=r"Unknown program redis: choose from airflow, postgres, mail, .*traffic"):
        chosen("postgres", "redis")
