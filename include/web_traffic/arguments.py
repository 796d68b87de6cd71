"""Arguments that more than one command takes."""

import argparse
from datetime import UTC, datetime


def time_argument(text: str) -> datetime:
    """Read a time in RFC 3339, in UTC unless it says otherwise; raises `argparse.ArgumentTypeError`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-01-31T12:00:00Z") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def positive(text: str) -> int:
    """Read a positive whole number; raises `argparse.ArgumentTypeError`."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)
