"""How the command line of the migrations ends without a database."""

import subprocess
import sys

import pytest

from local_stack.environment import REPO
from web_traffic.commands.migrate import main
from web_traffic.errors import EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("postgresql://127.0.0.1:1/nowhere", EXIT_TRY_AGAIN, "migrate: connection failed: "),
        ("mysql://127.0.0.1/x", EXIT_NEEDS_ATTENTION, "migrate: POSTGRES_URL must look like"),
    ],
)
def test_an_error_ends_with_its_reason(
    url: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_URL", url)
    assert main([]) == code
    assert capsys.readouterr().err.startswith(said)


def test_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["all"])
    assert "unrecognized arguments: all" in capsys.readouterr().err


def test_the_old_command_fails_and_names_the_new_one() -> None:
    command = [sys.executable, "-m", "web_traffic.warehouse.migrate"]
    environment = {"PYTHONPATH": str(REPO / "include")}
    result = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (EXIT_TRY_AGAIN, "")
    assert result.stderr == "migrate: the command is now `web-traffic migrate`\n"
