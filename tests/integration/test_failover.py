"""Two hosts in POSTGRES_URL: a run that a failover interrupts goes on at the new primary, and loses nothing."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local_stack import Stack
from local_stack.environment import LOOPBACK, Ports
from local_stack.postgres import binaries, system_user
from local_stack.supervisor import Supervisor
from tests.faults.stopped import stopped_at, wait_until
from tests.homes import own_stack
from tests.integration.test_guard import refusal
from tests.integration.test_histories import assert_all_is_there, produce_window
from tests.integration.test_losses import REBUILD
from tests.pipeline import Pipeline, make_pipeline
from web_traffic.errors import EXIT_TRY_AGAIN


class Standby:
    """An asynchronous standby of a stack's PostgreSQL, made by `pg_basebackup`."""

    def __init__(self, primary: Stack) -> None:
        self.port = Ports.free().postgres
        self._folder = primary.home / "standby"
        self._password = primary.secrets.postgres_admin
        self._user = pwd.getpwnam(system_user() or pwd.getpwuid(os.geteuid()).pw_name)
        self._folder.mkdir(mode=0o700)
        os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        address = f"host={LOOPBACK} port={primary.ports.postgres} user=postgres"
        copy = ("pg_basebackup", "--pgdata", self._folder, "--write-recovery-conf", "--checkpoint=fast")
        assert self._start(*copy, "--dbname", address).wait(60) == 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it can be read."""
        options = {"listen_addresses": LOOPBACK, "port": self.port, "unix_socket_directories": ""}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._server = self._start("postgres", "-D", self._folder, *settings)
        wait_until(self._answers, "the standby to answer", within=30)

    def stop(self) -> None:
        """Stop it; what the primary commits meanwhile is not here."""
        self._server.send_signal(signal.SIGINT)
        assert self._server.wait(30) == 0

    def promote(self) -> None:
        """Make it the primary."""
        with self._connect() as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)

    def _start(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [binaries() / program, *arguments],
            cwd=self._folder,
            env=os.environ | {"PGPASSWORD": self._password},
            user=self._user.pw_uid,
            group=self._user.pw_gid,
            extra_groups=[] if os.geteuid() == 0 else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=LOOPBACK, port=self.port, user="postgres", password=self._password)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def primary() -> Iterator[Stack]:
    """Return a stack with a PostgreSQL of its own."""
    with own_stack("failover", "postgres") as primary:
        yield primary


@pytest.fixture
def standby(primary: Stack) -> Iterator[Standby]:
    """Return the standby, which is stopped at the end."""
    standby = Standby(primary)
    yield standby
    standby.stop()


@pytest.fixture
def pipeline(stack: Stack, primary: Stack, standby: Standby, numbers: Iterator[int], tmp_path: Path) -> Pipeline:
    """Return a pipeline that names both hosts, after its first window."""
    name = f"web_traffic_{next(numbers)}"
    pipeline = make_pipeline(primary, name, tmp_path / "checkpoint", KAFKA_URL=stack.kafka_url)
    hosts = f"{LOOPBACK}:{primary.ports.postgres},{LOOPBACK}:{standby.port}"
    pipeline.environment["POSTGRES_URL"] = f"postgresql://{hosts}/{name}"
    produce_window(pipeline, 0)
    pipeline.run()
    return pipeline


def stop(primary: Stack) -> None:
    supervisor = Supervisor(primary)
    supervisor.stop_program("postgres")
    wait_until(lambda: supervisor.state("postgres").state == "STOPPED", "the primary is stopped")


def test_a_failover_in_mid_run_ends_in_a_retry_that_goes_on_at_the_new_primary(
    primary: Stack, standby: Standby, pipeline: Pipeline
) -> None:
    produce_window(pipeline, 1)
    with stopped_at(pipeline, "windows staged") as run:
        stop(primary)
        run.go_on()
        exit_code, output = run.wait()
    assert exit_code == EXIT_TRY_AGAIN, output
    too_early = pipeline.submit()
    assert too_early.returncode == EXIT_TRY_AGAIN, too_early.stdout
    assert "read-only" in too_early.stdout
    standby.promote()
    produce_window(pipeline, 2)
    pipeline.run()
    assert_all_is_there(pipeline, 2)


def test_a_new_primary_that_has_missed_runs_is_refused_and_a_rebuild_brings_every_window_back(
    primary: Stack, standby: Standby, pipeline: Pipeline
) -> None:
    standby.stop()
    for number in (1, 2):
        produce_window(pipeline, number)
        pipeline.run()
    stop(primary)
    standby.start()
    standby.promote()
    assert "the database is older than the checkpoint" in refusal(pipeline)
    pipeline.run(**REBUILD)
    assert_all_is_there(pipeline, 2)
