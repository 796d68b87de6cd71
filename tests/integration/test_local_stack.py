"""The embedded stack for real: it starts, survives kills, keeps its secrets and leaves nothing behind."""

import dataclasses
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from local_stack import Stack, StackError, down, running, up
from local_stack.environment import MARKER, REPO
from local_stack.leftovers import find_processes
from local_stack.lifecycle import status
from local_stack.supervisor import Supervisor

SERVICES = ("postgres", "kafka", "mail")
LOGINS = {
    "postgres": ("postgres", "postgres_admin"),
    "web_traffic_owner": ("web_traffic", "postgres_owner"),
    "web_traffic_writer": ("web_traffic", "postgres_writer"),
    "web_traffic_reader": ("web_traffic", "postgres_reader"),
    "airflow": ("airflow", "airflow_db"),
}


@pytest.fixture(scope="module")
def home():
    """A folder that PostgreSQL's user may enter; pytest's own folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="stack-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def own_stack(home):
    stack = Stack.create(home / "up")
    yield stack
    down(stack)


@pytest.fixture
def stack(own_stack):
    up(own_stack, *SERVICES)
    return own_stack


def connect(stack, role, database=None, password=None):
    return closing(
        psycopg.connect(
            host="127.0.0.1",
            port=stack.ports.postgres,
            user=role,
            dbname=database or LOGINS[role][0],
            password=password or getattr(stack.secrets, LOGINS[role][1]),
            autocommit=True,
        )
    )


def pids(stack):
    return {program.name: state.pid for program, state in status(stack) if state and state.state == "RUNNING"}


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.05)


@pytest.mark.parametrize("role", LOGINS)
def test_each_role_logs_in_with_its_own_password(stack, role):
    with connect(stack, role) as connection:
        assert connection.execute("SELECT current_user, current_setting('timezone')").fetchone() == (role, "UTC")


@pytest.mark.parametrize("role", LOGINS)
def test_no_role_logs_in_with_another_password(stack, role):
    with (
        pytest.raises(psycopg.OperationalError, match="password authentication failed"),
        connect(stack, role, None, "x"),
    ):
        pytest.fail("logged in")


@pytest.mark.parametrize(
    ("role", "database"),
    [("web_traffic_writer", "airflow"), ("web_traffic_reader", "airflow"), ("airflow", "web_traffic")],
)
def test_no_role_enters_the_database_of_another(stack, role, database):
    with pytest.raises(psycopg.OperationalError, match="permission denied"), connect(stack, role, database):
        pytest.fail("entered")


@pytest.mark.parametrize("role", ["web_traffic_writer", "web_traffic_reader"])
def test_only_the_owner_makes_tables(stack, role):
    with connect(stack, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (n int)")


def test_what_is_written_to_kafka_is_read_from_it(stack):
    admin = AdminClient({"bootstrap.servers": stack.kafka_url})
    admin.create_topics([NewTopic("there_and_back", 1)])["there_and_back"].result(10)
    producer = Producer({"bootstrap.servers": stack.kafka_url})
    producer.produce("there_and_back", b"hello")
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": stack.kafka_url, "group.id": "one", "auto.offset.reset": "earliest"})
    consumer.subscribe(["there_and_back"])
    with closing(consumer):
        assert consumer.poll(20).value() == b"hello"


def test_a_topic_is_never_made_by_a_typing_error(stack):
    producer = Producer({"bootstrap.servers": stack.kafka_url, "message.timeout.ms": 2000})
    producer.produce("no_such_topic", b"lost")
    producer.flush(5)
    topics = AdminClient({"bootstrap.servers": stack.kafka_url}).list_topics(timeout=10).topics
    assert "no_such_topic" not in topics


def test_each_mail_becomes_a_file(stack):
    with smtplib.SMTP("127.0.0.1", stack.ports.mail) as client:
        client.sendmail("airflow@x.example", ["a@x.example", "b@x.example"], "Subject: Failed\r\n\r\nThe run failed.")
    (mail,) = stack.mail_folder.glob("*.eml")
    assert "X-Rcpt-To: a@x.example, b@x.example" in mail.read_text()
    assert "The run failed." in mail.read_text()


def test_nothing_listens_beyond_loopback(stack):
    addresses = {
        (one.laddr.ip.removeprefix("::ffff:"), one.laddr.port)
        for process in find_processes(stack)
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }
    served = (stack.ports.postgres, stack.ports.kafka, stack.ports.kafka_controller, stack.ports.mail)
    assert addresses == {("127.0.0.1", port) for port in served}


def test_no_secret_is_on_a_command_line_or_in_a_log(stack):
    secrets = dataclasses.astuple(stack.secrets)
    seen = [" ".join(process.cmdline()) for process in find_processes(stack)]
    seen += [log.read_text(errors="replace") for log in stack.log_folder.rglob("*.log")]
    assert len(seen) > 6
    assert [text for text in seen if any(secret in text for secret in secrets)] == []


def test_every_file_with_a_secret_is_for_its_owner_only(stack):
    secrets = [secret.encode() for secret in dataclasses.astuple(stack.secrets)]
    holders = {
        file: file.stat().st_mode & 0o777
        for file in stack.home.rglob("*")
        if file.is_file() and any(secret in file.read_bytes() for secret in secrets)
    }
    assert {file.name for file in holders} == {".env", "supervisord.conf"}
    assert set(holders.values()) == {0o600}


def test_a_second_start_leaves_everything_as_it_is(stack):
    before = pids(stack)
    up(stack, *SERVICES)
    assert pids(stack) == before
    assert set(before) == set(SERVICES)


def test_other_settings_than_the_running_ones_are_refused(stack):
    other = dataclasses.replace(stack, ports=dataclasses.replace(stack.ports, kafka=stack.ports.airflow))
    with pytest.raises(StackError, match=r"runs with other settings than .*\.env: run `make down` first"):
        up(other, *SERVICES)


def test_a_port_that_another_program_holds_is_named(stack, home):
    ports = dataclasses.replace(Stack.create(home / "busy").ports, mail=stack.ports.kafka)
    with (
        pytest.raises(StackError, match=rf"Port {stack.ports.kafka} of Mail sink is in use .* set MAIL_PORT in"),
        running(Stack.create(home / "busy", ports), "mail"),
    ):
        pytest.fail("started")


@pytest.mark.parametrize("name", SERVICES)
def test_a_killed_program_comes_back_by_itself(stack, name):
    before = pids(stack)[name]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pids(stack).get(name, before) != before)
    up(stack, *SERVICES)


def test_a_program_that_the_supervisor_retries_is_waited_for(stack):
    supervisor = Supervisor(stack)
    supervisor.stop_program("mail")
    wait_until(lambda: supervisor.state("mail").state == "STOPPED")
    with socket.create_server(("127.0.0.1", stack.ports.mail)):
        supervisor.start_program("mail")
        wait_until(lambda: supervisor.state("mail").state == "BACKOFF")
    up(stack, "mail")
    assert supervisor.state("mail").state == "RUNNING"


def test_a_start_waits_for_a_stop_that_is_under_way(stack):
    supervisor = Supervisor(stack)
    supervisor.stop_program("kafka")
    assert supervisor.state("kafka").state == "STOPPING"
    up(stack, "kafka")
    assert supervisor.state("kafka").state == "RUNNING"


def test_data_outlives_the_kill_of_postgres(stack):
    with connect(stack, "web_traffic_owner") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    before = pids(stack)["postgres"]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: pids(stack).get("postgres", before) != before)
    up(stack, "postgres")
    with connect(stack, "web_traffic_owner") as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)


def test_a_start_after_the_kill_of_the_supervisor_ends_the_orphans(stack):
    orphans = [process for process in find_processes(stack) if process.pid in pids(stack).values()]
    os.kill(int((stack.run_folder / "supervisord.pid").read_text()), signal.SIGKILL)
    up(stack, *SERVICES)
    assert [process for process in orphans if process.is_running()] == []
    assert set(pids(stack)) == set(SERVICES)


def test_a_stop_after_the_kill_of_the_supervisor_ends_the_orphans(stack):
    os.kill(int((stack.run_folder / "supervisord.pid").read_text()), signal.SIGKILL)
    assert down(stack)
    assert find_processes(stack) == []


def test_a_stop_leaves_no_process_and_a_second_one_finds_nothing(stack):
    assert find_processes(stack)
    assert down(stack)
    assert find_processes(stack) == []
    assert not down(stack)


def test_a_process_in_a_session_of_its_own_is_ended_too(stack):
    environment = {**os.environ, MARKER: str(stack.home)}
    strayed = subprocess.Popen(["sleep", "300"], env=environment, start_new_session=True)
    down(stack)
    assert not psutil.pid_exists(strayed.pid)


def test_a_stop_needs_neither_java_nor_jars(stack, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    assert down(stack)
    assert find_processes(stack) == []


def test_a_program_that_cannot_start_shows_its_log(home):
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


def test_another_env_file_than_that_of_the_data_is_named(home):
    stack = Stack.create(home / "apart")
    with running(stack, "postgres"):
        pass
    stack.env_file.unlink()
    with (
        pytest.raises(StackError, match=r"refuses the password of .*\.env, .*`make clean`"),
        running(Stack.create(stack.home), "postgres"),
    ):
        pytest.fail("started")


def test_a_half_made_data_folder_is_made_again(home):
    stack = Stack.create(home / "half")
    for partial in (stack.home / "postgres.partial", stack.home / "kafka" / "data.partial"):
        partial.mkdir(parents=True)
        (partial / "rubbish").touch()
    with running(stack, "postgres", "kafka"):
        assert set(pids(stack)) == {"postgres", "kafka"}


def test_a_folder_with_a_space_in_its_name_works(home):
    with running(Stack.create(home / "my projects"), *SERVICES) as stack:
        assert set(pids(stack)) == set(SERVICES)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands PostgreSQL to another user")
def test_a_folder_closed_to_the_user_of_postgres_is_named(home):
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    with (
        pytest.raises(StackError, match=rf"may not enter {closed}: run `chmod o\+x {closed}`"),
        running(Stack.create(closed / "stack"), "postgres"),
    ):
        pytest.fail("started")


def test_a_command_of_another_process_is_waited_out(stack):
    script = (
        "import sys; from pathlib import Path; from local_stack.locks import alone\n"
        f"with alone(Path({str(stack.run_folder)!r}), 'holds'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StackError, match="Another command starts or stops the stack"):
            up(stack, *SERVICES)
        other.stdin.close()
    up(stack, *SERVICES)
