"""The event contract a second time, in plain Python, so that a mistake in `web_traffic.events` is not made here, too.

All times are microseconds since the epoch, UTC.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from json import JSONDecoder
from typing import Any, NamedTuple, NoReturn

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"""
    (?P<year>\d{4}) - (?P<month>\d\d) - (?P<day>\d\d)
    [Tt\ ] (?P<hour>\d\d) : (?P<minute>\d\d) (?: : (?P<second>\d\d) (?: [.,] (?P<fraction>\d+) )? )?
    (?: [Zz] | (?P<sign>[+-]) (?P<hours>\d\d) (?: :? (?P<minutes>\d\d) )? )?
    """,
    re.ASCII | re.VERBOSE,
)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<lone>u[dD][89a-fA-F]..)|.)", re.DOTALL)
_NOT_UNICODE = re.compile("[\ud800-\udfff]")


class Window(NamedTuple):
    """The key that hits are counted by."""

    start_us: int
    host: str
    referrer: str | None

    def __str__(self) -> str:
        return f"{written(self.start_us)} {self.host} from {self.referrer!r}"


class Hit(NamedTuple):
    """A valid event, as far as it is counted."""

    event_us: int
    host: str
    referrer: str | None

    def window(self, length_us: int) -> Window:
        """Return the key that it is counted by, if windows have this length."""
        return Window(self.event_us - self.event_us % length_us, self.host, self.referrer)


class Rejected(NamedTuple):
    """A record that breaks the contract, and why."""

    reason: str


class Future(NamedTuple):
    """An event that is too far ahead of its Kafka timestamp."""

    event_us: int


class _Broken(Exception):
    """The value breaks the contract; the message is the reason."""


class _Object(list[tuple[str, Any]]):
    """The members of a JSON object in their order, doubled names included."""


def classify(value: bytes | None, accepted_until_us: int) -> Hit | Rejected | Future:
    """Judge the value of one Kafka record; an event after `accepted_until_us` is from the future."""
    try:
        hit = _parse(value)
    except _Broken as error:
        return Rejected(str(error))
    return Future(hit.event_us) if hit.event_us > accepted_until_us else hit


def microseconds(at: datetime) -> int:
    """Microseconds since the epoch of a time with a time zone."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def written(at_us: int | None) -> str:
    """Write a time for people; None is one that has not come."""
    return "none" if at_us is None else (_EPOCH + timedelta(microseconds=at_us)).isoformat()


def _parse(value: bytes | None) -> Hit:
    if value is None:
        raise _Broken("null value")
    members = _load(value)
    hosts = [member for name, member in members if name == "host"]
    times = [member for name, member in members if name == "event_time"]
    referrers = [member for name, member in members if name == "referrer"]
    if not hosts or not times:
        raise _Broken("host or event_time missing")
    if not all(isinstance(text, str) for text in (*hosts, *times, *(text for text in referrers if text is not None))):
        raise _Broken("a field is not a string")
    if any(_NOT_UNICODE.search(text) for text in (*hosts, *times, *referrers) if text):
        raise _Broken("a field is not UTF-8")
    event_time = _time(times[-1])
    if not 2 <= event_time.year <= 9998:
        raise _Broken("event_time not within the years 2 to 9998")
    host, referrer = hosts[-1], referrers[-1] if referrers else None
    if not host:
        raise _Broken("host empty")
    if "\0" in host or "\0" in (referrer or ""):
        raise _Broken("NUL character")
    return Hit(microseconds(event_time), host, referrer)


def _load(value: bytes) -> _Object:
    """Parse strict JSON to an object; strings that are not counted need not be UTF-8."""
    text = value.decode("utf-8", "surrogateescape")
    if _SURROGATE_ESCAPE.search(text) and any(escape["lone"] for escape in _ESCAPE.finditer(text)):
        raise _Broken("half a surrogate pair")
    try:
        loaded = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise _Broken("not JSON") from error
    if not isinstance(loaded, _Object):
        raise _Broken("not an object")
    return loaded


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER = JSONDecoder(
    object_pairs_hook=_Object,
    parse_constant=_refuse_constant,  # NaN and Infinity, which Python would take
    parse_int=len,  # numbers are not counted, and long ones would be an error
    parse_float=len,
)


def _time(text: str) -> datetime:
    """Read a time; without an offset it is UTC. Digits below a microsecond are cut, and second 60 ends its minute."""
    match = _TIME.fullmatch(text)
    if not match:
        raise _Broken("event_time not RFC 3339")
    year, month, day, hour, minute = map(int, match.group("year", "month", "day", "hour", "minute"))
    second = int(match["second"] or 0)
    microsecond = int((match["fraction"] or "").ljust(6, "0")[:6])
    if second == 60:
        second, microsecond = 59, 999_999
    try:
        zone = _zone(match["sign"], int(match["hours"] or 0), int(match["minutes"] or 0))
        return datetime(year, month, day, hour, minute, second, microsecond, zone)
    except ValueError as error:
        raise _Broken("event_time not RFC 3339") from error


def _zone(sign: str | None, hours: int, minutes: int) -> timezone:
    if minutes > 59:
        raise ValueError(minutes)
    offset = timedelta(hours=hours, minutes=minutes)  # a day or more is refused by `timezone`
    return timezone(-offset if sign == "-" else offset)
