"""The services of the embedded stack for real: logins, topics, mails; loopback only, and no secret in sight."""

import dataclasses
import smtplib
from contextlib import closing

import psutil
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from local_stack import Stack
from local_stack.leftovers import find_processes
from local_stack.postgres import AIRFLOW_IDLE_LIMIT
from tests.integration.local_stack.observe import LOGINS, connect, files_with_a_secret, texts_that_others_see


@pytest.mark.parametrize("role", LOGINS)
def test_each_role_logs_in_with_its_own_password(stack: Stack, role: str) -> None:
    with connect(stack, role) as connection:
        assert connection.execute("SELECT current_user, current_setting('timezone')").fetchone() == (role, "UTC")


def test_a_session_of_airflow_does_not_stand_still_in_a_transaction_for_ever(stack: Stack) -> None:
    """The workers of a scheduler that was killed keep its connection open."""
    with connect(stack, "airflow") as connection:
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == (AIRFLOW_IDLE_LIMIT,)


@pytest.mark.parametrize("role", LOGINS)
def test_no_role_logs_in_with_another_password(stack: Stack, role: str) -> None:
    with (
        pytest.raises(psycopg.OperationalError, match="password authentication failed"),
        connect(stack, role, None, "x"),
    ):
        pytest.fail("logged in")


@pytest.mark.parametrize(
    ("role", "database"),
    [("web_traffic_writer", "airflow"), ("web_traffic_reader", "airflow"), ("airflow", "web_traffic")],
)
def test_no_role_enters_the_database_of_another(stack: Stack, role: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied"), connect(stack, role, database):
        pytest.fail("entered")


@pytest.mark.parametrize("role", ["web_traffic_writer", "web_traffic_reader"])
def test_only_the_owner_makes_tables(stack: Stack, role: str) -> None:
    with connect(stack, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE mine (n int)")


def test_what_is_written_to_kafka_is_read_from_it(stack: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.kafka_url})
    admin.create_topics([NewTopic("there_and_back", 1)])["there_and_back"].result(10)
    producer = Producer({"bootstrap.servers": stack.kafka_url})
    producer.produce("there_and_back", b"hello")
    assert producer.flush(10) == 0
    consumer = Consumer({"bootstrap.servers": stack.kafka_url, "group.id": "one", "auto.offset.reset": "earliest"})
    consumer.subscribe(["there_and_back"])
    with closing(consumer):
        message = consumer.poll(20)
        assert message
        assert message.value() == b"hello"


def test_a_topic_is_never_made_by_a_typing_error(stack: Stack) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_url, "message.timeout.ms": 2000})
    producer.produce("no_such_topic", b"lost")
    producer.flush(5)
    topics = AdminClient({"bootstrap.servers": stack.kafka_url}).list_topics(timeout=10).topics
    assert "no_such_topic" not in topics


def test_each_mail_becomes_a_file(stack: Stack) -> None:
    with smtplib.SMTP("127.0.0.1", stack.ports.mail) as client:
        client.sendmail("airflow@x.example", ["a@x.example", "b@x.example"], "Subject: Failed\r\n\r\nThe run failed.")
    (mail,) = stack.mail_folder.glob("*.eml")
    assert "X-Rcpt-To: a@x.example, b@x.example" in mail.read_text()
    assert "The run failed." in mail.read_text()


def test_nothing_listens_beyond_loopback(stack: Stack) -> None:
    addresses = {
        (one.laddr.ip.removeprefix("::ffff:"), one.laddr.port)
        for process in find_processes(stack)
        for one in process.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }
    served = (stack.ports.postgres, stack.ports.kafka, stack.ports.kafka_controller, stack.ports.mail)
    assert addresses == {("127.0.0.1", port) for port in served}


def test_no_secret_is_on_a_command_line_or_in_a_log(stack: Stack) -> None:
    seen = texts_that_others_see(stack)
    assert len(seen) > 6
    assert [text for text in seen if any(secret in text for secret in dataclasses.astuple(stack.secrets))] == []


def test_every_file_with_a_secret_is_for_its_owner_only(stack: Stack) -> None:
    assert files_with_a_secret(stack) == {".env": 0o600, "supervisord.conf": 0o600}
