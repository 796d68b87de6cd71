"""Command line of the embedded stack: `python -m local_stack {setup,up,down,status,demo,screenshot}`."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta

from local_stack.env_file import write_env_file
from local_stack.environment import ENV_FILE, VAR, Stack
from local_stack.errors import StackError

NOT_ALL_RUNNING = 3
"""Exit code of `status`, as service managers give it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, 1 for an error, or 3 for a `status` with something not running."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: run the same command again, or `make down`.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_stack", description="The embedded stack, all on 127.0.0.1.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    setup = commands.add_parser("setup", help="make .env, download the jars, prepare Spark; does only what is missing")
    setup.set_defaults(run=_setup)
    _add_switch(setup)
    up = commands.add_parser("up", help="start the programs and wait until they serve")
    up.add_argument(
        "programs", nargs="*", help="only these; `airflow` is its four programs (default: all but traffic)"
    )
    up.set_defaults(run=_up)
    down = commands.add_parser("down", help="stop everything, also what an interrupted start left behind")
    down.set_defaults(run=_down)
    status = commands.add_parser("status", help="show each program; the exit code is 0 if all run, 3 if not")
    status.set_defaults(run=_status)
    demo = commands.add_parser("demo", help="set up, start, produce an hour of traffic, show a scheduled run")
    demo.set_defaults(run=_demo)
    _add_switch(demo)
    screenshot = commands.add_parser("screenshot", help="take the picture of the page that the README shows")
    screenshot.set_defaults(run=_screenshot)
    return parser


def _add_switch(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--secure",
        choices=("0", "1"),
        help="1: TLS and logins at Kafka, and TLS at PostgreSQL; 0: neither (default: as the last time, at first 0)",
    )


def _setup(options: argparse.Namespace) -> int:
    _set_up(options)
    return 0


def _set_up(options: argparse.Namespace) -> Stack:
    # Imported here, because the other commands need neither the downloader nor Spark.
    from local_stack import tls
    from local_stack.jars import bring_jars
    from local_stack.java import java_home
    from local_stack.preflight import make_folder
    from local_stack.spark import prepare_spark

    java_home()
    make_folder(VAR)
    write_env_file(ENV_FILE)
    stack = Stack.load()
    is_secure = stack.is_secure if options.secure is None else options.secure == "1"
    bring_jars("kafka", "spark", *(["postgres"] if is_secure else []))
    if options.secure:
        stack = stack.switch(is_secure=is_secure)
    tls.prepare(stack)
    prepare_spark()
    return stack


def _up(options: argparse.Namespace) -> int:
    from local_stack.lifecycle import up

    up(Stack.load(), *options.programs)
    return 0


def _down(_: argparse.Namespace) -> int:
    from local_stack.lifecycle import down

    if not ENV_FILE.is_file() and not VAR.is_dir():
        print("Nothing is set up, so nothing runs")
        return 0
    print("The stack is down" if down(Stack.load()) else "Nothing was running")
    return 0


def _status(_: argparse.Namespace) -> int:
    from local_stack.lifecycle import status

    stack = Stack.load()
    are_running = []
    for program, state in status(stack):
        is_running = state is not None and state.state == "RUNNING"
        port = str(getattr(stack.ports, program.ports[0])) if program.ports else ""
        detail = f"pid {state.pid:<8} {timedelta(seconds=round(state.uptime))}" if state and is_running else ""
        print(f"{program.name:<22} {state.state.lower() if state else 'stopped':<9} {port:<6} {detail}".rstrip())
        is_left_out = program.is_optional and (state is None or state.state == "STOPPED")
        are_running.append(is_running or is_left_out)
    print(f"Airflow's UI: {stack.airflow_url}, login admin, password AIRFLOW_ADMIN_PASSWORD in {stack.env_file}")
    return 0 if all(are_running) else NOT_ALL_RUNNING


def _demo(options: argparse.Namespace) -> int:
    from local_stack.demo import run

    run(_set_up(options))
    return 0


def _screenshot(_: argparse.Namespace) -> int:
    from local_stack.screenshot import take

    take(Stack.load())
    return 0


if __name__ == "__main__":
    sys.exit(main())
