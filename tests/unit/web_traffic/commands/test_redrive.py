"""What the command line of a redrive refuses."""

import pytest

from web_traffic.commands.redrive import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "select events: give --reason, --since, --until or --values"),
        (["--limit", "5"], "select events"),
        (["--reason", "bad weather"], "invalid choice: 'bad weather'"),
        (["--since", "yesterday"], "'yesterday' is not a time such as"),
        (["--since", "2026-01-01", "--limit", "0"], "'0' is not a positive whole number"),
        (["--values", "f", "--reason", "not JSON"], "--values selects the events"),
        (["--values", "f", "--export", "g"], "--values selects the events"),
        (["--since", "2026-01-01", "--export", "f", "--dry-run"], "not allowed with argument"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
