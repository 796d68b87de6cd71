"""What is checked before a program starts."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack import Ports, Stack, StackError
from local_stack.locks import alone
from local_stack.preflight import check_ports, make_folders
from local_stack.programs import Program


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def program(*ports: str) -> Program:
    return Program(name="it", title="It", command=list, directory=Path("/"), ports=ports)


def test_a_busy_port_is_named_with_its_variable(tmp_path: Path, listener: int) -> None:
    ports = Ports(kafka=21001, kafka_controller=listener, postgres=21003, airflow=21004, mail=21005)
    stack = Stack.create(tmp_path, ports)
    with pytest.raises(StackError, match=rf"Port {listener} of It is in use .* set KAFKA_CONTROLLER_PORT in .*\.env"):
        check_ports(stack, program("kafka", "kafka_controller"))


def test_a_busy_port_of_another_program_does_not_matter(tmp_path: Path, listener: int) -> None:
    ports = Ports(kafka=listener, kafka_controller=21002, postgres=21003, airflow=21004, mail=21005)
    check_ports(Stack.create(tmp_path, ports), program("mail"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    stack = Stack.create(tmp_path)
    stack.log_folder.write_text("a file where a folder should be")
    with pytest.raises(StackError, match=r"/log can't be written \(file exists\): give this user the right"):
        make_folders(stack)


def test_the_run_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    stack = Stack.create(tmp_path)
    make_folders(stack)
    assert stack.run_folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_has_one_command_at_a_time(tmp_path: Path) -> None:
    with (
        alone(tmp_path, "fills"),
        pytest.raises(StackError, match=f"Another command fills {tmp_path}: wait until it is done"),
        alone(tmp_path, "fills"),
    ):
        pytest.fail("two commands at once")
