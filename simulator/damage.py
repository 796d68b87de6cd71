"""The ways in which an event can be broken: each reason for a rejection that the contract knows, in several forms."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

Fields = dict[str, object]


def _json(event: Fields) -> bytes:
    """The event as JSON; a character of U+DC80 to U+DCFF becomes a single byte, which is not UTF-8."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogateescape")


def _without(event: Fields, name: str) -> bytes:
    return _json({other: value for other, value in event.items() if other != name})


def _with(name: str, value: object) -> Callable[[Fields], bytes]:
    return lambda event: _json({**event, name: value})


DAMAGES: Mapping[str, Callable[[Fields], bytes | None]] = MappingProxyType(
    {
        "null value": lambda _: None,
        # not JSON
        "empty value": lambda _: b"",
        "cut short": lambda event: _json(event)[:-20],
        "single quotes": lambda event: str(event).encode(),
        "text after the end": lambda event: _json(event) + b" EOF",
        "byte order mark": lambda event: b"\xef\xbb\xbf" + _json(event),
        "NaN": _with("bytes_sent", float("nan")),
        "raw control character": lambda event: _json(event).replace(b"https:", b"https:\x01", 1),
        "deep nesting": lambda event: b"[" * 5_000 + _json(event),
        "UTF-16": lambda event: _json(event).decode().encode("utf-16-le"),
        "Latin-1 host": _with("host", "caf\udce9.example"),
        "half a surrogate pair": lambda event: json.dumps({**event, "host": "\ud83d.example"}).encode(),
        # not an object
        "array": lambda event: b"[" + _json(event) + b"]",
        "text": lambda event: json.dumps(_json(event).decode()).encode(),
        "null literal": lambda _: b"null",
        # a field that is missing or of another type
        "host missing": lambda event: _without(event, "host"),
        "host null": _with("host", None),
        "host empty": _with("host", ""),
        "host a number": _with("host", 192),
        "referrer an array": _with("referrer", ["https://www.google.com/"]),
        "event_time missing": lambda event: _without(event, "event_time"),
        "event_time null": _with("event_time", None),
        "event_time a number": _with("event_time", 1_767_225_600),
        # no time of the contract
        "event_time of a log file": _with("event_time", "01/Jan/2026:00:00:00 +0000"),
        "event_time a date": _with("event_time", "2026-01-01"),
        "event_time with a zone's name": _with("event_time", "2026-01-01T00:00:00+01:00[Europe/Paris]"),
        "event_time at hour 24": _with("event_time", "2025-12-31T24:00:00Z"),
        "event_time of no calendar": _with("event_time", "2026-02-30T12:00:00Z"),
        # no text for PostgreSQL
        "NUL in host": _with("host", "www\0.example"),
        "NUL in referrer": _with("referrer", "https://www.google.com/\0"),
    }
)
"""Name of each kind of damage, and what it makes of an event's fields; None is a record without a value."""
