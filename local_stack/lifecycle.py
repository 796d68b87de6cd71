"""Starts and stops a stack, and reports its state."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby

from local_stack import preflight, tls
from local_stack.environment import Stack
from local_stack.errors import StackError
from local_stack.leftovers import end_processes
from local_stack.locks import alone
from local_stack.programs import Program, all_programs, choose
from local_stack.supervisor import State, Supervisor

LOG_LINES = 15
POLL_SECONDS = 0.1
STARTED = ("RUNNING", "STARTING", "BACKOFF")
"""States in which the supervisor keeps a program up, or tries to."""
SHUT_DOWN_WITHIN = 15
STOP_WITHIN = 45
"""More than any program's own limit, after which the supervisor kills it."""


def up(stack: Stack, *names: str) -> None:
    """Start the named programs, or all that are not optional, and wait until they serve.

    Programs that already run are checked and left alone; processes that a killed stack left behind are ended first.
    `airflow` stands for Airflow's four programs. Raises `StackError`, with log lines, if one can't start.
    """
    preflight.check_set_up(stack)
    preflight.make_folders(stack)
    tls.prepare(stack)
    programs = all_programs(stack)
    wanted = choose(programs, names)
    with alone(stack.run_folder, "starts or stops the stack of"):
        supervisor = _supervisor(stack, programs)
        for _, stage in groupby(wanted, key=lambda program: program.stage):
            _start_stage(stack, supervisor, list(stage))


def down(stack: Stack) -> bool:
    """Stop everything of the stack, half-started or orphaned programs too; returns whether there was anything."""
    if not stack.run_folder.is_dir():
        return False
    with alone(stack.run_folder, "starts or stops the stack of"):
        supervisor = Supervisor(stack)
        was_running = supervisor.pid is not None
        if was_running:
            _stop_programs(supervisor, list(all_programs(stack).values()))
            supervisor.shut_down()
            _wait(lambda: supervisor.pid is None, SHUT_DOWN_WITHIN)
        return end_processes(stack) > 0 or was_running


@contextmanager
def running(stack: Stack, *names: str) -> Iterator[Stack]:
    """Start the named programs of the stack, and stop all of it at the end, or if one can't start."""
    try:
        up(stack, *names)
        yield stack
    finally:
        down(stack)


def status(stack: Stack) -> list[tuple[Program, State | None]]:
    """Each program with its state by the supervisor; None if there is no supervisor."""
    states = Supervisor(stack).states()
    return [(program, states.get(program.name)) for program in all_programs(stack).values()]


def _supervisor(stack: Stack, programs: dict[str, Program]) -> Supervisor:
    """Return the running supervisor, or start one and end what a killed one left behind."""
    supervisor = Supervisor(stack)
    if supervisor.pid is None:
        if ended := end_processes(stack):
            print(f"Ended {ended} processes that an earlier start left behind", flush=True)
        supervisor.start(programs.values())
        if not _wait(lambda: supervisor.pid is not None, SHUT_DOWN_WITHIN):
            raise StackError(f"The supervisor does not answer: see {stack.log_folder / 'supervisord.log'}.")
    elif not supervisor.is_current(programs.values()):
        raise StackError(
            f"The stack in {stack.home} runs with other settings than {stack.env_file}: run `make down` first."
        )
    return supervisor


def _start_stage(stack: Stack, supervisor: Supervisor, programs: list[Program]) -> None:
    begun = time.monotonic()
    for program in programs:
        _wait(partial(_is_settled, supervisor, program), STOP_WITHIN)
        if supervisor.state(program.name).state not in STARTED:
            preflight.check_ports(stack, program)
            program.prepare()
            supervisor.start_program(program.name)
    for program in programs:
        _wait_until_ready(stack, supervisor, program, begun)
        program.finish()


def _wait_until_ready(stack: Stack, supervisor: Supervisor, program: Program, begun: float) -> None:
    def serves() -> bool:
        state = supervisor.state(program.name)
        if state.state == "FATAL":
            raise StackError(_failure(stack, program, "ends at once"))
        return state.state == "RUNNING" and program.is_ready(state.started_at)

    if not _wait(serves, program.ready_within):
        raise StackError(_failure(stack, program, f"is not ready after {program.ready_within:.0f} s"))
    address = f" on 127.0.0.1:{getattr(stack.ports, program.ports[0])}" if program.ports else ""
    print(f"{program.title} is up{address} ({time.monotonic() - begun:.1f} s)", flush=True)


def _is_settled(supervisor: Supervisor, program: Program) -> bool:
    """Whether an earlier stop of the program, perhaps by a killed command, is done."""
    return supervisor.state(program.name).state != "STOPPING"


def _stop_programs(supervisor: Supervisor, programs: list[Program]) -> None:
    """Stop the stages in the reverse order of starting, the programs of a stage at the same time."""
    for _, stage in groupby(reversed(programs), key=lambda program: program.stage):
        alive = {program.name for program in stage if _is_alive(supervisor, program.name)}
        for name in alive:
            supervisor.stop_program(name)
        _wait(partial(_are_down, supervisor, alive), STOP_WITHIN)


def _are_down(supervisor: Supervisor, names: set[str]) -> bool:
    return not any(_is_alive(supervisor, name) for name in names)


def _is_alive(supervisor: Supervisor, name: str) -> bool:
    state = supervisor.states().get(name)
    return state is not None and state.state in (*STARTED, "STOPPING")


def _failure(stack: Stack, program: Program, what: str) -> str:
    log = stack.log_folder / f"{program.name}.log"
    lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.is_file() else []
    return "\n    ".join((f"{program.title} {what}; {log} ends with:", *(lines or ("(nothing)",))))


def _wait(condition: Callable[[], bool], limit: float) -> bool:
    """Wait until the condition holds; returns whether it did within `limit` seconds."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True
