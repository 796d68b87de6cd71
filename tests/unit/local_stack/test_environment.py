"""`.env`: what is generated, what is kept, and what is refused."""

import base64
import dataclasses
from pathlib import Path

import pytest
from dotenv import dotenv_values
from psycopg.conninfo import conninfo_to_dict

from local_stack import Ports, Stack, StackError
from local_stack.env_file import TEMPLATE, write_env_file
from local_stack.environment import is_port_free

PORTS = Ports(kafka=21001, kafka_controller=21002, postgres=21003, airflow=21004, mail=21005)


def secrets_of(stack: Stack) -> list[str]:
    return [getattr(stack.secrets, one.name) for one in dataclasses.fields(stack.secrets)]


def test_an_env_file_is_for_its_owner_only(tmp_path: Path) -> None:
    write_env_file(tmp_path / ".env")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_every_secret_is_generated_and_differs_from_file_to_file(tmp_path: Path) -> None:
    for name in ("a.env", "b.env"):
        write_env_file(tmp_path / name)
    values = [
        *secrets_of(Stack.load(tmp_path / "a.env", tmp_path)),
        *secrets_of(Stack.load(tmp_path / "b.env", tmp_path)),
    ]
    assert len(set(values)) == len(values) == 20
    assert min(map(len, values)) >= 24


def test_the_fernet_key_has_the_form_that_airflow_needs(tmp_path: Path) -> None:
    key = Stack.create(tmp_path).secrets.airflow_fernet_key
    assert len(base64.urlsafe_b64decode(key)) == 32


def test_the_template_holds_no_secret() -> None:
    named = [line for line in TEMPLATE.read_text().splitlines() if "PASSWORD" in line or "_KEY" in line]
    assert len(named) >= 7
    assert [line for line in named if not line.startswith("#") and not line.endswith("=")] == []


def test_an_existing_env_file_keeps_its_values_and_gets_what_it_lacks(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("# mine\nKAFKA_PORT=19999\nPOSTGRES_PASSWORD=chosen\n")
    write_env_file(env_file)
    stack = Stack.load(env_file, tmp_path)
    assert env_file.read_text().startswith("# mine\nKAFKA_PORT=19999\n")
    assert (stack.ports.kafka, stack.secrets.postgres_writer) == (19999, "chosen")
    assert stack.secrets.postgres_owner


def test_a_second_setup_changes_nothing(tmp_path: Path) -> None:
    write_env_file(tmp_path / ".env")
    first = (tmp_path / ".env").read_text()
    write_env_file(tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == first


def test_no_secret_shows_in_the_repr(tmp_path: Path) -> None:
    stack = Stack.create(tmp_path)
    assert [value for value in secrets_of(stack) if value in repr(stack)] == []


def test_addresses_follow_the_ports(tmp_path: Path) -> None:
    stack = Stack.create(tmp_path, PORTS)
    assert stack.kafka_url == "127.0.0.1:21001"
    assert stack.postgres_url == "jdbc:postgresql://127.0.0.1:21003/web_traffic"
    assert stack.airflow_url == "http://127.0.0.1:21004"


def test_what_is_created_again_keeps_its_ports_and_secrets(tmp_path: Path) -> None:
    assert Stack.create(tmp_path) == Stack.create(tmp_path)


def test_given_ports_replace_those_of_the_file_and_leave_the_secrets(tmp_path: Path) -> None:
    before = Stack.create(tmp_path)
    after = Stack.create(tmp_path, PORTS)
    assert after.ports == PORTS
    assert after.secrets == before.secrets


def test_free_ports_are_free_and_all_different() -> None:
    ports = dataclasses.astuple(Ports.free())
    assert len(set(ports)) == len(ports)
    assert all(is_port_free(port) for port in ports)


def test_a_missing_env_file_asks_for_the_setup(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"/\.env is missing\): run `make setup`"):
        Stack.load(tmp_path / ".env", tmp_path)


@pytest.mark.parametrize("line", ["AIRFLOW_PORT=80a80", "AIRFLOW_PORT=0", "AIRFLOW_PORT=65536", "AIRFLOW_PORT=-1"])
def test_what_is_not_a_port_is_named(tmp_path: Path, line: str) -> None:
    write_env_file(tmp_path / ".env", {"AIRFLOW_PORT": line.partition("=")[2]})
    with pytest.raises(StackError, match=rf"{line} in .* is not a port: give a number from 1 to 65535"):
        Stack.load(tmp_path / ".env", tmp_path)


@pytest.mark.parametrize("count", ["many", "0"])
def test_what_is_not_a_number_of_partitions_is_named(tmp_path: Path, count: str) -> None:
    write_env_file(tmp_path / ".env", {"KAFKA_TOPIC_PARTITIONS": count})
    with pytest.raises(StackError, match=rf"KAFKA_TOPIC_PARTITIONS={count} in .* must be a number from 1 to 10000"):
        Stack.load(tmp_path / ".env", tmp_path)


def test_a_removed_variable_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KAFKA_PORT=9093\n")
    with pytest.raises(StackError, match=r"KAFKA_CONTROLLER_PORT is missing in .*: run `make setup`, which adds it"):
        Stack.load(tmp_path / ".env", tmp_path)


def test_two_programs_on_one_port_are_refused(tmp_path: Path) -> None:
    write_env_file(tmp_path / ".env", {"MAIL_PORT": "9093"})
    with pytest.raises(StackError, match=r"KAFKA_PORT and MAIL_PORT are both 9093 in .*: give each a port of its own"):
        Stack.load(tmp_path / ".env", tmp_path)


def test_a_switch_changes_only_the_lines_that_tell_how_to_come_in_and_back_again(tmp_path: Path) -> None:
    plain = Stack.create(tmp_path / "my projects")
    before = dotenv_values(plain.env_file)
    secured = plain.switch(is_secure=True)
    during = dotenv_values(plain.env_file)
    assert {name for name in before if before[name] != during[name]} == {"SECURE", "KAFKA_CONFIG", "POSTGRES_URL"}
    assert {name: during[name] for name in ("KAFKA_URL", "KAFKA_CONFIG", "POSTGRES_URL")}.items() <= (
        secured.job_environment().items()
    )
    assert secured == Stack.load(plain.env_file, plain.home)
    assert secured.switch(is_secure=False) == plain == Stack.load(plain.env_file, plain.home)
    assert dotenv_values(plain.env_file) == before


def test_a_secured_stack_checks_the_name_of_the_server(tmp_path: Path) -> None:
    secured = Stack.create(tmp_path / "my projects").switch(is_secure=True)
    address = conninfo_to_dict(secured.postgres_url.removeprefix("jdbc:"))
    assert (address["sslmode"], address["sslrootcert"]) == ("verify-full", str(secured.authority_file))


def test_a_switch_that_is_neither_on_nor_off_is_named(tmp_path: Path) -> None:
    write_env_file(tmp_path / ".env", {"SECURE": "yes"})
    with pytest.raises(StackError, match=r"SECURE=yes in .* must be 0 or 1"):
        Stack.load(tmp_path / ".env", tmp_path)
