"""The embedded stack for real: it starts, survives kills, names what is wrong, and leaves nothing behind."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local_stack import Stack, StackError, down, running, up
from local_stack.environment import MARKER, REPO
from local_stack.leftovers import find_processes
from local_stack.supervisor import Supervisor
from tests.integration.local_stack.observe import SERVICES, connect, pids, wait_until


def test_a_second_start_leaves_everything_as_it_is(stack: Stack) -> None:
    before = pids(stack)
    up(stack, *SERVICES)
    assert pids(stack) == before
    assert set(before) == set(SERVICES)


def test_other_settings_than_the_running_ones_are_refused(stack: Stack) -> None:
    other = dataclasses.replace(stack, ports=dataclasses.replace(stack.ports, kafka=stack.ports.airflow))
    with pytest.raises(StackError, match=r"runs with other settings than .*\.env or this shell has: run `make down`"):
        up(other, *SERVICES)


def test_a_port_that_another_program_holds_is_named(stack: Stack, home: Path) -> None:
    ports = dataclasses.replace(Stack.create(home / "busy").ports, mail=stack.ports.kafka)
    with (
        pytest.raises(StackError, match=rf"Port {stack.ports.kafka} of Mail sink is in use .* set MAIL_PORT in"),
        running(Stack.create(home / "busy", ports), "mail"),
    ):
        pytest.fail("started")


@pytest.mark.parametrize("name", SERVICES)
def test_a_killed_program_comes_back_by_itself(stack: Stack, name: str) -> None:
    before = pids(stack)[name]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pids(stack).get(name, before) != before)
    up(stack, *SERVICES)


def test_a_program_that_the_supervisor_retries_is_waited_for(stack: Stack) -> None:
    supervisor = Supervisor(stack)
    supervisor.stop_program("mail")
    wait_until(lambda: supervisor.state("mail").state == "STOPPED")
    with socket.create_server(("127.0.0.1", stack.ports.mail)):
        supervisor.start_program("mail")
        wait_until(lambda: supervisor.state("mail").state == "BACKOFF")
    up(stack, "mail")
    assert supervisor.state("mail").state == "RUNNING"


def test_a_start_waits_for_a_stop_that_is_under_way(stack: Stack) -> None:
    supervisor = Supervisor(stack)
    supervisor.stop_program("kafka")
    assert supervisor.state("kafka").state == "STOPPING"
    up(stack, "kafka")
    assert supervisor.state("kafka").state == "RUNNING"


def test_data_outlives_the_kill_of_postgres(stack: Stack) -> None:
    with connect(stack, "web_traffic_owner") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    before = pids(stack)["postgres"]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pids(stack).get("postgres", before) != before)
    up(stack, "postgres")
    with connect(stack, "web_traffic_owner") as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)


def test_a_start_after_the_kill_of_the_supervisor_ends_the_orphans(stack: Stack) -> None:
    orphans = [process for process in find_processes(stack) if process.pid in pids(stack).values()]
    os.kill(int((stack.run_folder / "supervisord.pid").read_text()), signal.SIGKILL)
    up(stack, *SERVICES)
    assert [process for process in orphans if process.is_running()] == []
    assert set(pids(stack)) == set(SERVICES)


def test_a_stop_after_the_kill_of_the_supervisor_ends_the_orphans(stack: Stack) -> None:
    os.kill(int((stack.run_folder / "supervisord.pid").read_text()), signal.SIGKILL)
    assert down(stack)
    assert find_processes(stack) == []


def test_a_stop_leaves_no_process_and_a_second_one_finds_nothing(stack: Stack) -> None:
    assert find_processes(stack)
    assert down(stack)
    assert find_processes(stack) == []
    assert not down(stack)


def test_a_process_in_a_session_of_its_own_is_ended_too(stack: Stack) -> None:
    environment = {**os.environ, MARKER: str(stack.home)}
    strayed = subprocess.Popen(["sleep", "300"], env=environment, start_new_session=True)
    down(stack)
    assert not psutil.pid_exists(strayed.pid)


def test_a_stop_needs_neither_java_nor_jars(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    assert down(stack)
    assert find_processes(stack) == []


def test_a_program_that_cannot_start_shows_its_log(home: Path) -> None:
    stack = Stack.create(home / "broken")
    with running(stack, "postgres"):
        pass
    (stack.home / "postgres" / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(StackError, match=r"PostgreSQL ends at once; .*/postgres.log ends with:") as caught,
        running(stack, "postgres"),
    ):
        pytest.fail("started")
    assert "database files are incompatible with server" in str(caught.value)
    assert find_processes(stack) == []


def test_another_env_file_than_that_of_the_data_is_named(home: Path) -> None:
    stack = Stack.create(home / "apart")
    with running(stack, "postgres"):
        pass
    stack.env_file.unlink()
    with (
        pytest.raises(StackError, match=r"refuses the password of .*\.env, .*`make clean`"),
        running(Stack.create(stack.home), "postgres"),
    ):
        pytest.fail("started")


def test_a_half_made_data_folder_is_made_again(home: Path) -> None:
    stack = Stack.create(home / "half")
    for partial in (stack.home / "postgres.partial", stack.home / "kafka" / "data.partial"):
        partial.mkdir(parents=True)
        (partial / "rubbish").touch()
    with running(stack, "postgres", "kafka"):
        assert set(pids(stack)) == {"postgres", "kafka"}


def test_a_folder_with_a_space_in_its_name_works(home: Path) -> None:
    with running(Stack.create(home / "my projects"), *SERVICES) as stack:
        assert set(pids(stack)) == set(SERVICES)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another user")
def test_a_folder_closed_to_the_user_of_postgres_is_named(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with (
        pytest.raises(StackError, match=rf"may not enter {closed}: run `chmod o\+x {closed}`"),
        running(Stack.create(closed / "stack"), "postgres"),
    ):
        pytest.fail("started")


def test_a_command_of_another_process_is_waited_out(stack: Stack) -> None:
    script = (
        "import sys; from pathlib import Path; from local_stack.locks import alone\n"
        f"with alone(Path({str(stack.run_folder)!r}), 'holds'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StackError, match="Another command starts or stops the stack"):
            up(stack, *SERVICES)
        other.stdin.close()
    up(stack, *SERVICES)
