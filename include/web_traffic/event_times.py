"""The times of events, as producers write them: RFC 3339, and the forms of ISO 8601 that are common beside it.

Digits below a microsecond are cut, never rounded, and second 60 is the last moment of its minute. So an event never
moves into the next window. A time without an offset is UTC.
"""

import re
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

MICROSECONDS = pa.timestamp("us", "UTC")

_HOUR, _SIXTY = r"(?:[01]\d|2[0-3])", r"[0-5]\d"
_OFFSET = rf"[+-]{_HOUR}(?::?{_SIXTY})?"
_TIME = re.compile(
    rf"(\d{{4}}-\d\d-\d\d[Tt ]{_HOUR}:{_SIXTY})(?::({_SIXTY}|60)(?:[.,](\d+))?)?([Zz]|{_OFFSET})?", re.ASCII
)
_YEAR = r"(?:1[7-9]|2[01])\d\d"
_DAY = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_USUAL = rf"^{_YEAR}-{_DAY}[T ]{_HOUR}:{_SIXTY}(?::{_SIXTY}(?:\.\d{{1,9}})?)?(?:Z|{_OFFSET})$"
"""Times that Arrow can read: each is a day of the calendar, and fits into 64 bits of nanoseconds."""


def read(text: str) -> datetime | None:
    """Return the time with the offset that it is written with, or None if the text is no time of the contract."""
    match = _TIME.fullmatch(text)
    if not match:
        return None
    minute, second, fraction, offset = match.groups()
    if second == "60":
        second, fraction = "59", "999999"
    try:
        return datetime.fromisoformat(f"{minute}:{second or '00'}.{(fraction or '0')[:6]}{(offset or 'Z').upper()}")
    except ValueError:
        return None  # no day of the calendar


def read_all(texts: pa.StringArray) -> pa.TimestampArray:
    """Read many texts at once. A null means that only `read` can tell: the text is unusual, or no time at all."""
    texts = pc.ascii_upper(texts)
    times = _read_usual(texts)
    for missing_offset in ("Z", ""):
        if times.null_count:
            is_left = times.is_null()
            left = pc.replace_substring(texts.filter(is_left), ",", ".")
            found = _read_usual(pc.binary_join_element_wise(left, missing_offset, ""))
            times = pc.replace_with_mask(times, is_left, found)
    return times


def _read_usual(texts: pa.StringArray) -> pa.TimestampArray:
    is_usual = pc.match_substring_regex(texts, _USUAL)
    nanoseconds = pc.if_else(is_usual, texts, None).cast(pa.timestamp("ns", "UTC"))
    return pc.floor_temporal(nanoseconds, 1, "microsecond").cast(MICROSECONDS)
