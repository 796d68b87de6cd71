"""Folders for temporary files: an ended process loses its folder to the next one, a living one keeps it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from web_traffic.jobs.scratch import own_folder

MAKE_AND_WAIT = """
import sys
from pathlib import Path
from web_traffic.jobs.scratch import own_folder
temporary = Path(sys.argv[1])
(temporary / "spark-of-the-process").mkdir(exist_ok=True)
print(own_folder(temporary, [temporary / "spark-of-the-process"]), flush=True)
sys.stdin.read()
"""


@contextmanager
def process_with_a_folder(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    command = [sys.executable, "-c", MAKE_AND_WAIT, str(temporary)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        (folder / "blockmgr-1").mkdir()
        yield process, folder
        process.kill()


def test_a_folder_goes_when_its_process_was_killed_and_stays_while_it_lives(tmp_path: Path) -> None:
    stranger = tmp_path / "blockmgr-of-somebody-else"
    stranger.mkdir()
    with process_with_a_folder(tmp_path) as (_, living):
        with process_with_a_folder(tmp_path) as (process, killed):
            assert killed.is_dir()
            assert (tmp_path / "spark-of-the-process").is_dir()
            process.kill()
            process.wait()
        own = own_folder(tmp_path)
        assert (living.is_dir(), killed.exists(), own.is_dir(), stranger.is_dir()) == (True, False, True, True)
    assert not (tmp_path / "spark-of-the-process").exists()
    assert own_folder(tmp_path).parent == own.parent == tmp_path / f"web_traffic-{os.getuid()}"
    assert (living.exists(), own.is_dir()) == (False, True)


def test_a_folder_that_was_killed_before_its_lock_goes_and_what_is_not_a_folder_of_a_run_stays(tmp_path: Path) -> None:
    parent = own_folder(tmp_path).parent
    (parent / "run-begun").mkdir()
    (parent / "notes").mkdir()
    own_folder(tmp_path)
    assert not (parent / "run-begun").exists()
    assert (parent / "notes").is_dir()


def test_a_name_that_somebody_else_has_taken_is_left_alone(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "run-1").mkdir(parents=True)
    (tmp_path / f"web_traffic-{os.getuid()}").symlink_to(elsewhere)
    own = own_folder(tmp_path)
    assert own.parent == tmp_path
    assert [folder.name for folder in elsewhere.iterdir()] == ["run-1"]
