"""Events as bad as they come."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from simulator import Traffic
from simulator.damage import DAMAGES
from tests.faults.cell import Cell
from tests.faults.trial import START, Trial

HOUR = START + timedelta(hours=2)
TIME = b'"2026-03-29T01:30:00Z"'


def _fields(host: bytes = b'"h.example"', referrer: bytes = b'"r"', time: bytes = TIME) -> bytes:
    return b'{"host":' + host + b',"referrer":' + referrer + b',"event_time":' + time + b"}"


HOSTILE: tuple[bytes | None, ...] = (
    None,
    *(b"", b" ", b"\0", b"\n", b"{", b"}", b"{}", b"[]", b"null", b"true", b"0", b'""', b"nul", b"{]", b'{"host"}'),
    *(b'{"host":}', b'{"host":"a",}', b'{,"host":"a"}', b"{host:1}", b"{'host':'a'}", b'{"a":1}{"b":2}', b"/**/{}"),
    *(_fields(host=value) for value in (b"null", b"1", b"[]", b"{}", b"true", b'""', b'" "', b'"\\u0000"', b'"\t"')),
    *(_fields(host=value) for value in (b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\\x"', b'"\xff"')),
    *(_fields(host=value) for value in (b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b'"\\u12"', b'"a')),
    *(_fields(host=value) for value in (b'"%s"' % (b"x" * 1_000_000), b'"\xe2\x80\xae"', b'"\\\\"', b'"\';--"')),
    *(_fields(referrer=value) for value in (b"null", b'""', b"1", b'"%s"' % (b"r" * 10_000), b'"\\u0000"', b'"\xff"')),
    *(_fields() + tail for tail in (b"x", b"\0", b" ", b"\n", b",", b"{}", b"\xef\xbb\xbf")),
    b"\xef\xbb\xbf" + _fields(),
    _fields().decode().encode("utf-16"),
    *(
        _fields()[:-1] + b',"x":' + value + b"}"
        for value in (b"1e999", b"-0", b"01", b"NaN", b"Infinity", b"1.", b".5")
    ),
    *(_fields()[:-1] + b',"x":' + value + b"}" for value in (b"9" * 5_000, b"1e-400", b"\xff", b'"\xff"', b'"\x7f"')),
    *(_fields()[:-1] + b',"x":' + b"[" * depth + b"]" * depth + b"}" for depth in (10, 500, 100_000)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (10, 100_000)),
    _fields()[:-1] + b',"host":"second.example"}',
    _fields()[:-1] + b',"event_time":1}',
    _fields()[:-1] + b',"referrer":null}',
    b"[" + _fields() + b"]",
    json.dumps(_fields().decode()).encode(),
)
"""Truncated, mistyped, of no encoding, huge, nested, doubled: what test suites for JSON parsers try."""

TIMES = (
    *("", "now", "1767225600", "2026-03-29", "2026-03-29T01", "2026-03-29T01:30Z", "2026-03-29T01:30:00.Z"),
    *("2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-03-29T24:00:00Z", "2026-03-29T01:60:00Z"),
    *("2016-12-31T23:59:60Z", "2026-03-29T01:30:60Z", "2026-03-29T01:30:00+25:00", "2026-03-29T01:30:00 Z"),
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z", "1582-10-10T00:00:00Z"),
    *("1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "1899-12-31T00:00:00Z", "2038-01-19T03:14:08Z"),
    *("9998-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59", "12026-01-01T00:00:00Z"),
    *("2026-03-29T01:30:00z", "2026-03-29t01:30:00Z", "2026-03-29 01:30:00", "2026-03-29T01:30:00.123456789Z"),
    *("2026-03-29T01:30:00+00", "2026-03-29 01:30:00.5+0000", "2026-03-29T01:30:00,5Z", "2026-03-29T01:34:60.5Z"),
    *("2026-03-29T00:30-01", "2026-03-29 01:30", "2026-03-29T03:30:00+02:00[Europe/Berlin]"),
    *(
        "2026-03-29T01:29:59.9999999Z",
        "2026-03-29T02:30:00+01:00",
        "2026-03-29T02:30:00+02:00",
        "٢٠٢٦-03-29T01:30:00Z",
    ),
)
"""Missing, ancient, from the far future, of no calendar, of a leap second, of a summer time."""


def hostile_values_arrive(trial: Trial) -> None:
    """Send values as hostile as they come, and real ones with bytes lost, changed, doubled and put in."""
    real = [event.value for event in Traffic(trial.seed).events(HOUR, HOUR + timedelta(minutes=5), 5_000)]
    values = [*HOSTILE, *(_spoilt(trial.random, value) for value in real if value)]
    trial.random.shuffle(values)
    _send(trial, values, HOUR)


def everything_is_malformed(trial: Trial) -> None:
    """Send 100,000 events of which none is valid, to a run that finds nothing else."""
    trial.pipeline.run()
    event: dict[str, object] = {"host": "h.example", "event_time": "2026-03-29T01:30:00Z", "referrer": "https:"}
    damaged = [damage(event) for name, damage in DAMAGES.items() if name != "NaN"]
    _send(trial, trial.random.choices(damaged, k=trial.events), HOUR)


def times_are_wild(trial: Trial) -> None:
    """Send events of all times that can be written, and of some that can't."""
    values = [_fields(time=json.dumps(text, ensure_ascii=False).encode()) for text in TIMES]
    values += [_fields(time=value) for value in (b"null", b"1767225600", b"[]")]
    values.append(b'{"host":"h.example"}')
    _send(trial, trial.random.choices(values, k=2_000), HOUR)


def events_are_late(trial: Trial) -> None:
    """Send events around the border of a window that a watermark has just reached, missed or passed by 1 ms.

    Then the same border is tried with lateness from 0 s to 1 h.
    """
    border = HOUR + timedelta(minutes=5 * trial.random.randrange(1, 6))
    newest = border + timedelta(minutes=1, milliseconds=trial.seed % 3 - 1)
    _send(trial, [_fields(time=_text(newest))], newest)
    trial.pipeline.run()
    offsets_ms = (-1, 0, 1, -300_001, -300_000, -299_999, 59_999, 60_000, 60_001)
    times = [border + timedelta(milliseconds=offset) for offset in offsets_ms]
    times += [newest - timedelta(seconds=seconds) for seconds in range(3601)]
    _send(trial, [_fields(time=_text(time)) for time in times], newest)


def _spoilt(random: Random, value: bytes) -> bytes:
    start, length = random.randrange(len(value)), random.randrange(1, 9)
    end = start + length
    match random.randrange(5):
        case 0:
            return value[:start]
        case 1:
            return value[:start] + value[end:]
        case 2:
            return value[:end] + value[start:]
        case 3:
            return value[:start] + random.randbytes(length) + value[end:]
        case _:
            return value[:start] + random.choice((b'"', b"\\", b"\0", b"{", b"]", b"\xff", b"\\u0000")) + value[start:]


def _text(time: datetime) -> bytes:
    return json.dumps(time.astimezone(UTC).isoformat(timespec="microseconds")).encode()


def _send(trial: Trial, values: list[bytes | None], at: datetime) -> None:
    """Send the values, of which only the recount knows how many are counted."""
    trial.not_counted = None
    for part in _parts(values):
        trial.pipeline.produce(*part, at=at)


def _parts(values: list[bytes | None], size: int = 20_000) -> Iterator[list[bytes | None]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


CELLS = (
    Cell("E1", "hostile values among real ones", hostile_values_arrive),
    Cell("E2", "100 % malformed", everything_is_malformed),
    Cell("E3", "wild times", times_are_wild),
    Cell("E4", "late by 0 s to 1 h, and at the watermark ± 1 ms", events_are_late, 6),
)
