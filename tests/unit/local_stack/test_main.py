"""The command line: exit codes, and one line instead of a traceback."""

import subprocess
import sys

import pytest

from local_stack import StackError, __main__
from local_stack.environment import REPO, Stack


def test_an_error_is_one_line_on_stderr_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise StackError("Port 1 is busy: set A_PORT.")

    monkeypatch.setattr(Stack, "load", refuse)
    assert __main__.main(["up"]) == 1
    assert capsys.readouterr().err == "Port 1 is busy: set A_PORT.\n"


@pytest.mark.parametrize("command", ["setup", "up", "down", "status", "demo", "airflow"])
def test_every_command_is_explained(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        __main__.main(["--help"])
    assert f"    {command} " in capsys.readouterr().out


def test_an_unknown_command_is_refused() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "local_stack", "nonsense"], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "invalid choice" in result.stderr
