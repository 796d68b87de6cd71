"""Checks before a start; each raises a `StackError` that says what to do."""

from pathlib import Path
from tempfile import TemporaryFile

from local_stack.environment import Stack, is_port_free
from local_stack.errors import StackError
from local_stack.jars import class_path
from local_stack.java import java_home
from local_stack.programs import Program


def check_set_up(stack: Stack) -> None:
    """Check that Java is new enough, and that the set-up has downloaded what the stack needs."""
    java_home()
    for folder in ("kafka", "spark", *(["postgres"] if stack.is_secure else [])):
        class_path(folder)


def make_folders(stack: Stack) -> None:
    """Make the folders that every program needs."""
    for folder in (stack.home, stack.run_folder, stack.log_folder, stack.mail_folder):
        make_folder(folder)
    stack.run_folder.chmod(0o700)


def make_folder(folder: Path) -> None:
    """Make a folder, and check that it can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StackError(
            f"{folder} can't be written ({reason}): give this user the right to write, then try again."
        ) from error


def check_ports(stack: Stack, program: Program) -> None:
    """Check that nobody else listens on the ports of a program that is about to start."""
    for name in program.ports:
        port = getattr(stack.ports, name)
        if not is_port_free(port):
            raise StackError(
                f"Port {port} of {program.title} is in use by another program: "
                f"set {name.upper()}_PORT in {stack.env_file} to a free one, then start again."
            )
