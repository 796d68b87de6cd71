"""The supervisor of a stack: its configuration, its daemon, and the states of its programs."""

import os
import shlex
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from supervisor.xmlrpc import SupervisorTransport

from local_stack.env_file import write_private
from local_stack.environment import VAR, Stack
from local_stack.errors import StackError
from local_stack.programs import Program

LONGEST_SOCKET_PATH = 107
# The supervisor binds the socket under a temporary name, with its process id as the suffix.
LONGEST_SUFFIX = len(".4194304")

DAEMON = """\
[supervisord]
logfile={log}/supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile={run}/supervisord.pid
childlogdir={log}
directory={run}
umask=077
{user}
[unix_http_server]
file={run}/supervisor.sock
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command={command}
directory={directory}
environment={environment}
{user}
autostart=false
autorestart=true
startsecs=1
startretries=3
stopsignal={stop_signal}
stopwaitsecs={stop_within}
stopasgroup={stop_children}
killasgroup=true
redirect_stderr=true
stdout_logfile={log}/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""


@dataclass(frozen=True, slots=True)
class State:
    """The state of one program, by the supervisor."""

    name: str
    state: str
    """STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED or FATAL."""
    pid: int
    started_at: float
    """Seconds since the epoch."""
    uptime: float


class Supervisor:
    """Client of the supervisor of one stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._socket = stack.run_folder / "supervisor.sock"
        self._config = stack.run_folder / "supervisord.conf"
        if len(str(self._socket)) + LONGEST_SUFFIX > LONGEST_SOCKET_PATH:
            raise StackError(
                f"{self._socket} is too long for a socket: put the project into a folder with a shorter path."
            )

    @property
    def pid(self) -> int | None:
        """The process id of the daemon; None if it doesn't answer."""
        try:
            return int(str(self._call("getPID")))
        except (OSError, HTTPException):
            return None

    def start(self, programs: Iterable[Program]) -> None:
        """Write the configuration and start the daemon, which starts no program yet."""
        write_private(self._config, render_configuration(self._stack, programs))
        result = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)],
            check=False,
            capture_output=True,
            text=True,
            env=self._stack.process_environment(),
        )
        if result.returncode:
            reason = (result.stderr or result.stdout).strip().splitlines()[-1]
            raise StackError(f"The supervisor does not start ({self._stack.log_folder}/supervisord.log): {reason}")

    def is_current(self, programs: Iterable[Program]) -> bool:
        """Whether the running daemon was started with the same settings."""
        return self._config.is_file() and self._config.read_text() == render_configuration(self._stack, programs)

    def states(self) -> dict[str, State]:
        """The state of each program by its name; empty if the daemon doesn't answer."""
        try:
            reports = self._call("getAllProcessInfo")
        except (OSError, HTTPException):
            return {}
        assert isinstance(reports, list)
        return {
            one["name"]: State(one["name"], one["statename"], one["pid"], one["start"], one["now"] - one["start"])
            for one in reports
        }

    def state(self, name: str) -> State:
        """The state of one program; raises `StackError` if the daemon doesn't answer."""
        states = self.states()
        if name not in states:
            raise self._has_stopped()
        return states[name]

    def start_program(self, name: str) -> None:
        """Start a program without waiting for it; raises `StackError` if the daemon can't."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            raise StackError(
                f"{name} can't be started ({fault.faultString}): run `make down`, then try again."
            ) from fault
        except (OSError, HTTPException) as error:
            raise self._has_stopped() from error

    def stop_program(self, name: str) -> None:
        """Send a program its stop signal without waiting for it."""
        try:
            self._call("stopProcess", name, False)
        except xmlrpc.client.Fault:
            return  # it has ended in the meantime

    def shut_down(self) -> None:
        """Ask the daemon to end."""
        try:
            self._call("shutdown")
        except (OSError, HTTPException):
            return

    def _has_stopped(self) -> StackError:
        log = self._stack.log_folder / "supervisord.log"
        return StackError(f"The supervisor has stopped ({log} says why): run `make down`, then try again.")

    def _call(self, method: str, *arguments: object) -> object:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            server = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
            return getattr(server.supervisor, method)(*arguments)
        finally:
            transport.close()


def render_configuration(stack: Stack, programs: Iterable[Program]) -> str:
    """The supervisor's configuration file; it holds secrets."""
    for path in (stack.home, VAR, Path(sys.prefix)):
        if set(str(path)) & set("'\"#;%\n"):
            raise StackError(f"{path} holds a quote, #, ; or %: put the project into a folder without them.")
    folders = {"log": stack.log_folder, "run": stack.run_folder}
    daemon = DAEMON.format(**folders, user="user=root\n" if os.geteuid() == 0 else "")
    return daemon + "".join(_section(program, stack.log_folder) for program in programs)


def _section(program: Program, log: Path) -> str:
    return PROGRAM.format(
        name=program.name,
        command=shlex.join(program.command()).replace("%", "%%"),
        directory=program.directory,
        environment=",".join(f"{name}={_quoted(name, value)}" for name, value in program.environment().items()),
        user=f"user={program.user}" if program.user else "",
        stop_signal=program.stop_signal,
        stop_within=program.stop_within,
        stop_children=str(program.stop_children).lower(),
        log=log,
    )


def _quoted(name: str, value: str) -> str:
    if set(value) & set("'\n"):
        raise StackError(
            f"The value of {name} holds a quote or a line break: take it out, the supervisor can't pass it on."
        )
    return "'{}'".format(value.replace("%", "%%"))
