"""Folders for the stacks that tests start."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack import Stack, down, running
from local_stack.environment import VAR


def fresh_home(name: str) -> Path:
    """Make an empty folder that PostgreSQL's user may enter; what a killed session left running there is ended."""
    home = VAR / "tests" / name
    for env_file in [*home.glob(".env"), *home.glob("*/.env")]:
        down(Stack.load(env_file, env_file.parent))
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return home


@contextmanager
def own_stack(name: str, *programs: str) -> Iterator[Stack]:
    """Run a stack of its own with these programs; its folder goes at the end, unless it could not be stopped."""
    home = fresh_home(name)
    with running(Stack.create(home), *programs) as stack:
        yield stack
    shutil.rmtree(home)
