"""The length of windows stands in one place."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local_stack.environment import REPO
from web_traffic.window_length import WINDOW, WINDOW_MINUTES, window_start

HOME = REPO / "include" / "web_traffic" / "window_length.py"
FIVE_MINUTES = re.compile(r"\b(5[ -]minutes?|minutes=5|300(_000)*|seconds=300)\b", re.IGNORECASE)
"""The length that windows had when it stood in many files."""
OF_OTHER_THINGS = (
    'MAX_CLOCK_SKEW", 300',
    "MOST_CHARACTERS = 300",
    "SCHEDULE = timedelta(minutes=5)",
    "RUN_WAIT = timedelta(minutes=5)",
    '"execution_timeout": timedelta(minutes=5)',
)
"""Lines that hold the same number, but not the length of windows."""


def sources() -> list[Path]:
    """Return the source that a change of the length must not touch; the first migration was released with it."""
    folders = (REPO / name for name in ("include", "plugins", "dags", "simulator", "local_stack"))
    files = [
        file for folder in folders for file in folder.rglob("*") if file.suffix in {".py", ".sql", ".js", ".html"}
    ]
    return [file for file in files if file != HOME and "vendor" not in file.parts and "0001_" not in file.name]


def test_no_other_file_says_how_long_a_window_is() -> None:
    lines = [
        f"{file.relative_to(REPO)}: {line.strip()}"
        for file in sources()
        for line in file.read_text().splitlines()
        if FIVE_MINUTES.search(line) and not any(other in line for other in OF_OTHER_THINGS)
    ]
    assert lines == []


@pytest.mark.parametrize(
    "line",
    [
        "w.window_start + interval '5 minutes'",
        "date_bin('5 minutes', at, '1970-01-01')",
        "WINDOW = timedelta(minutes=5)",
        "WINDOW_US = 300_000_000",
        "{ 300: 'window' }",
        "Hits per 5-minute window",
    ],
)
def test_the_search_finds_what_stood_there_before(line: str) -> None:
    assert FIVE_MINUTES.search(line)


def test_windows_are_of_whole_minutes_and_a_day_can_be_divided_by_them() -> None:
    assert timedelta(minutes=WINDOW_MINUTES) == WINDOW
    assert timedelta(days=1) % WINDOW == timedelta(0)


def test_a_window_starts_at_a_multiple_of_its_length_in_utc() -> None:
    start = datetime(2026, 3, 29, 12, tzinfo=UTC)
    last = start + WINDOW - timedelta.resolution
    assert [window_start(at) for at in (start, last, last + timedelta.resolution)] == [start, start, start + WINDOW]
    assert str(window_start(datetime.fromisoformat("2026-03-29T14:00+02:00"))) == "2026-03-29 12:00:00+00:00"
