"""`web-traffic` lists its commands and starts them; docs/commands.md says the same of them."""

import re
import subprocess
import sys

import pytest

from local_stack.environment import REPO
from web_traffic.commands import COMMANDS, main
from web_traffic.errors import EXIT_CODES

PAGE = (REPO / "docs" / "commands.md").read_text()
MODULES = REPO / "include" / "web_traffic" / "commands"
LIBRARIES = {"confluent_kafka", "msgspec", "pandas", "psycopg", "pyarrow", "pyspark", "requests", "tenacity"}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the package of this folder."""
    command = [sys.executable, *arguments]
    environment = {"PYTHONPATH": str(REPO / "include")}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True)


def help_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--help"])
    return capsys.readouterr().out


def test_the_help_lists_each_command_with_one_line_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [tuple(line.split(maxsplit=1)) for line in help_of(capsys).splitlines()]
    assert [line for line in lines if line and line[0] in COMMANDS] == [*COMMANDS.items()]
    assert lines[-len(EXIT_CODES) :] == [(str(code), meaning) for code, meaning in EXIT_CODES.items()]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_and_its_exit_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    explained = " ".join(help_of(capsys, name).split())
    assert explained.startswith(f"usage: web-traffic {name} [-h]")
    assert "POSTGRES_URL" in explained
    codes = [int(code) for code in re.findall(r"(?<=[ ;])(\d+): ", explained.partition("Exit code ")[2])]
    assert codes, explained
    assert set(codes) < EXIT_CODES.keys()


def test_the_commands_are_the_modules() -> None:
    assert {file.stem for file in MODULES.glob("*.py")} == {"__init__", *COMMANDS}


def test_a_command_gets_the_arguments_behind_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["redrive", "--since", "2026-01-01", "--limit", "0"])
    assert "web-traffic redrive: error: argument --limit: '0' is not a positive" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["restate"], ["--every", "15"]])
def test_what_names_no_command_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert capsys.readouterr().err.startswith("usage: web-traffic [-h] COMMAND ...\nweb-traffic: error: ")


def test_the_module_is_the_same_command() -> None:
    assert python("-m", "web_traffic", "--help").stdout.startswith("usage: web-traffic [-h] COMMAND ...\n")


def test_no_library_is_imported_before_a_command_runs() -> None:
    loaded = python("-c", "import sys, web_traffic.commands; print(*sys.modules)").stdout.split()
    assert LIBRARIES.isdisjoint(loaded)
    assert [name for name in loaded if name.startswith("web_traffic.commands.")] == []


def test_the_page_has_the_commands_and_the_exit_codes() -> None:
    assert re.findall(r"^\| `web-traffic (\w+)` \|", PAGE, re.MULTILINE) == [*COMMANDS]
    table = re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert [(int(code), meaning) for code, meaning in table] == [*EXIT_CODES.items()]
