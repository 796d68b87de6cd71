"""How the command line of a recount ends."""

import pytest

from web_traffic.commands.recount import main
from web_traffic.errors import EXIT_FOUND_WRONG, EXIT_NEEDS_ATTENTION, EXIT_TRY_AGAIN, RecordsMissing
from web_traffic.recount import Recount

NOWHERE = "postgresql://127.0.0.1:1/web_traffic"


@pytest.mark.parametrize(
    ("ledger_errors", "code", "said"),
    [
        ([], 0, "RIGHT: all 0 closed windows are in the table"),
        (["a batch is missing"], EXIT_FOUND_WRONG, "WRONG: a batch is missing"),
    ],
)
def test_the_exit_code_says_whether_the_numbers_are_right(
    ledger_errors: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("web_traffic.commands.recount.recount", lambda *_: Recount(ledger_errors=ledger_errors))
    assert main([]) == code
    assert said in capsys.readouterr().out


def test_a_database_that_is_away_is_one_line_and_worth_another_try(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTGRES_URL", NOWHERE)
    assert main([]) == EXIT_TRY_AGAIN
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Can't recount: PostgreSQL at {NOWHERE}: ")


def test_a_wrong_setting_is_for_a_person(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("POSTGRES_URL", "mysql://127.0.0.1/web_traffic")
    assert main([]) == EXIT_NEEDS_ATTENTION
    assert capsys.readouterr().err.startswith("Can't recount: POSTGRES_URL must look like")


def test_records_that_kafka_has_lost_are_for_a_person(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def recount(*_: object) -> Recount:
        raise RecordsMissing("retention has deleted some")

    monkeypatch.setattr("web_traffic.commands.recount.recount", recount)
    assert main([]) == EXIT_NEEDS_ATTENTION
    assert capsys.readouterr().err == "Can't recount: retention has deleted some\n"
