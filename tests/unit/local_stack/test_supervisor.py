"""The supervisor's configuration: what it holds, and the paths that it can't."""

import configparser
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from supervisor.datatypes import dict_of_key_value_pairs

from local_stack import Stack, StackError
from local_stack.programs import Program
from local_stack.supervisor import Supervisor, render_configuration


def render(tmp_path: Path, **changes: Any) -> configparser.SectionProxy:
    program: dict[str, Any] = {"name": "it", "title": "It", "command": list, "directory": tmp_path, **changes}
    text = render_configuration(Stack.create(tmp_path), [Program(**program)])
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    return parser["program:it"]


def test_values_arrive_as_they_were(tmp_path: Path) -> None:
    connection = json.dumps({"password": "a-b_c=", "extra": {"bootstrap.servers": "127.0.0.1:1"}, "share": "50%"})
    section = render(tmp_path, environment=lambda: {"AIRFLOW_CONN_A": connection, "PLAIN": "x"})
    assert dict_of_key_value_pairs(section["environment"] % {}) == {"AIRFLOW_CONN_A": connection, "PLAIN": "x"}


def test_a_command_with_spaces_and_percents_arrives_as_it_was(tmp_path: Path) -> None:
    command = ["/my projects/java", "-Dformat=100%", "-cp", "/my projects/a.jar"]
    assert shlex.split(render(tmp_path, command=lambda: command)["command"] % {}) == command


def test_a_value_that_would_break_the_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="holds a quote"):
        render(tmp_path, environment=lambda: {"A": "it's"})


@pytest.mark.parametrize("name", ["it's", 'a"b', "a#b", "a;b", "100%"])
def test_a_folder_that_the_configuration_cannot_hold_is_named(tmp_path: Path, name: str) -> None:
    stack = Stack.create(tmp_path / name)
    with pytest.raises(StackError, match=r"holds a quote, #, ; or %: put the project into a folder without them"):
        render_configuration(stack, [])


def test_a_path_too_long_for_a_socket_is_refused_before_anything_starts(tmp_path: Path) -> None:
    stack = Stack.create(tmp_path / ("x" * 107))
    with pytest.raises(StackError, match="too long for a socket: put the project into a folder with a shorter path"):
        Supervisor(stack)


def test_a_stack_that_never_ran_has_no_supervisor(tmp_path: Path) -> None:
    supervisor = Supervisor(Stack.create(tmp_path))
    assert supervisor.pid is None
    assert supervisor.states() == {}


@pytest.mark.parametrize("ask", [Supervisor.state, Supervisor.start_program])
def test_a_supervisor_that_went_away_is_an_error_with_its_log(
    tmp_path: Path, ask: Callable[[Supervisor, str], object]
) -> None:
    with pytest.raises(
        StackError, match=r"The supervisor has stopped \(.*/supervisord.log says why\): run `make down`"
    ):
        ask(Supervisor(Stack.create(tmp_path)), "kafka")
