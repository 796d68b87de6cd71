"""Intervals of event time, and the rules for whoever asks to restate one.

Spark's environment and the form of a manual run ask by the same rules, each in its own words.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from web_traffic.errors import SettingsError
from web_traffic.window_length import WINDOW_MINUTES, window_start


class Interval(NamedTuple):
    """A stretch of event time, in UTC."""

    start: datetime
    end: datetime
    """Exclusive."""

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


class Words(NamedTuple):
    """The names of the three fields by which a person asks for a restatement."""

    start: str
    end: str
    close_idle_windows: str


def asked_interval(start: str | None, end: str | None, words: Words, *, close_idle_windows: bool) -> Interval | None:
    """Return the interval that two texts name, or None if the windows that are still open are to be closed.

    Raises `SettingsError`, in these words, for texts that name no windows, or if not exactly one of the two is asked.
    """
    if close_idle_windows:
        if start or end:
            raise SettingsError(
                f"{words.close_idle_windows} restates the windows that are still open: "
                f"leave out {words.start} and {words.end}, or leave it out"
            )
        return None
    if not (start or end):
        raise SettingsError(f"give {words.start} and {words.end}, or {words.close_idle_windows}")
    if not (start and end):
        raise SettingsError(f"there is only {words.start if start else words.end}: give both, or neither")
    interval = Interval(_boundary(words.start, start), _boundary(words.end, end))
    if interval.start >= interval.end:
        raise SettingsError(f"{words.start}, which is {start}, must be earlier than {words.end}, which is {end}")
    return interval


def asked_time(name: str, text: str) -> datetime:
    """Return a time in UTC; raises `SettingsError` under that name if the text is none, or does not say its offset."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(f"{name}: {text!r} must be a time like 2026-03-29T00:00:00+00:00") from None
    raise SettingsError(f"{name}: {text!r} must say its offset from UTC, as in 2026-03-29T00:00:00+00:00")


def _boundary(name: str, text: str) -> datetime:
    at = asked_time(name, text)
    if at != window_start(at):
        raise SettingsError(
            f"{name}: {text} must be a multiple of {WINDOW_MINUTES} minutes, such as {window_start(at).isoformat()}"
        )
    return at
