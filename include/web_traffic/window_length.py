"""The length of a window, defined only here. CONTRIBUTING.md says how to change it."""

from datetime import UTC, datetime, timedelta

WINDOW = timedelta(minutes=5)
"""Whole minutes that divide a day. Windows begin at multiples of it since 1970, UTC."""

WINDOW_MINUTES = WINDOW // timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def window_start(at: datetime) -> datetime:
    """Return the start of the window that a time is in, which is the end of the window before; in UTC."""
    return EPOCH + (at - EPOCH) // WINDOW * WINDOW
