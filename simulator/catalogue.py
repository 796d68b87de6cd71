"""The world that the events come from: sites and their pages, referrers, visitors, and ways to write a time.

Everything is rendered to pieces of JSON once, so that an event costs one `join` of pieces. All names end in
`.example` and all addresses are from the documentation ranges (RFC 2606, 5737 and 3849), except the well-known search
engines and networks among the referrers.
"""

import json
from collections.abc import Iterator
from itertools import accumulate, count, product
from random import Random
from typing import NamedTuple

_SITES = ("harbour", "meadow", "copper", "lantern", "orchard", "summit", "willow", "granite", "ember", "tidal")
_TRADES = ("news", "shop", "travel", "recipes", "bank", "games", "health", "jobs", "sport", "weather")
_SECTIONS = ("article", "product", "category", "search", "account", "help", "blog", "video", "review", "event")
_TOPICS = ("autumn-sale", "city-guide", "how-it-works", "top-ten", "first-steps", "new-arrivals", "live", "archive")
_CAMPAIGNS = ("", "", "", "?utm_source=newsletter&utm_medium=email", "?page=2", "?ref=home&sort=price", "?lang=de")
_WELL_KNOWN_REFERRERS = (
    "https://www.google.com/",
    "https://www.bing.com/",
    "https://duckduckgo.com/",
    "https://www.facebook.com/",
    "https://t.co/",
    "https://www.reddit.com/",
    "https://news.ycombinator.com/",
    "android-app://com.google.android.gm/",
)
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 "
    "Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Safari/537.36 Edg/131.0.0.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "curl/8.5.0",
)
_LANGUAGES = ("en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.7", "fr-FR,fr;q=0.8,en;q=0.5", "es-ES,es;q=0.9", "ja,en;q=0.6")
_VISITORS = 4096
_PAGES_AT_MOST = 20_000
_TIME_ENDINGS = 2048
_NO_REFERRER = {"": 12, ',"referrer":null': 14, ',"referrer":""': 1}
"""How many events, per 100 with a referrer, lack the field, have null, or have an empty one."""


class Page(NamedTuple):
    """A page of a site: its host, and its pieces of an event."""

    host: str
    key: bytes
    url_field: bytes
    host_field: bytes


class Visitor(NamedTuple):
    """A browser at an address, as pieces of an event."""

    agent_field: bytes
    address_fields: bytes


class TimeEnding(NamedTuple):
    """A way to write a time: the separator of date and time, the offset from UTC, and all after the seconds."""

    separator: str
    offset_seconds: int
    ending: bytes


def zipf(length: int) -> list[float]:
    """Cumulative weights 1, 1/2, 1/3 …: a few are popular, many are rare."""
    return list(accumulate(1 / rank for rank in range(1, length + 1)))


def pages(hosts: int, rng: Random) -> tuple[list[Page], list[float]]:
    """The pages of that many hosts, and their cumulative weights: Zipf over the hosts, and over the pages of each."""
    per_host = max(1, min(40, _PAGES_AT_MOST // hosts))
    found, weights = [], []
    for host_rank, host in zip(range(1, hosts + 1), _host_names(), strict=False):
        for page_rank in range(1, per_host + 1):
            url = f"https://{host}/" if page_rank == 1 else f"https://{host}{_path(rng)}"
            found.append(Page(host, host.encode(), _field("{", "url", url), _field(",", "host", host)))
            weights.append(1 / host_rank / page_rank)
    return found, list(accumulate(weights))


def referrers(count: int, rng: Random) -> tuple[list[tuple[str | None, bytes]], list[float]]:
    """That many referrers (value and field) by Zipf, and before them the share of events that has none."""
    ranks = zipf(count)
    found: list[tuple[str | None, bytes]] = []
    weights = []
    for field, percent in _NO_REFERRER.items():
        found.append(("" if field.endswith('""') else None, field.encode()))
        weights.append(ranks[-1] * percent / 100)
    for rank, url in zip(range(1, count + 1), _referrer_urls(rng), strict=False):
        found.append((url, _field(",", "referrer", url)))
        weights.append(1 / rank)
    return found, list(accumulate(weights))


def visitors(rng: Random) -> list[Visitor]:
    """Some thousand visitors, two in three over IPv4."""
    return [_visitor(rng) for _ in range(_VISITORS)]


def time_endings(rng: Random) -> list[TimeEnding]:
    """The forms that the contract allows for any second: `T`, `t` or space, 0 to 9 digits, Z, an offset or none.

    No fraction rounds up to the next second, so rounding it finds the same window as cutting it.
    """
    offsets = ((0, "Z"),) * 6 + (
        (0, ""),
        (0, "z"),
        (0, "-00:00"),
        (0, "+00"),
        (7200, "+02:00"),
        (-18000, "-0500"),
        (20700, "+05:45"),
    )
    found = []
    for _ in range(_TIME_ENDINGS):
        digits = rng.choice((0, 1, 3, 3, 3, 6, 6, 9))
        fraction = f"{rng.choice('....,')}{rng.randrange(999_999_000):09d}"[: digits + 1] if digits else ""
        offset_seconds, zone = rng.choice(offsets)
        found.append(TimeEnding(rng.choice("TTTTTTT  t"), offset_seconds, f'{fraction}{zone}"}}'.encode()))
    return found


def _field(before: str, name: str, text: str) -> bytes:
    return f"{before}{json.dumps(name)}:{json.dumps(text)}".encode()


def _host_names() -> Iterator[str]:
    for number in count():
        for trade, site in product(range(len(_TRADES)), range(len(_SITES))):
            yield f"www{number or ''}.{_SITES[site]}{_TRADES[(site + trade) % len(_TRADES)]}.example"


def _path(rng: Random) -> str:
    return (
        f"/{rng.choice(_SECTIONS)}/{rng.choice(_TOPICS)}/{rng.randrange(10**6)}"
        f"/{rng.choice(_TOPICS)}-and-{rng.choice(_TOPICS)}{rng.choice(_CAMPAIGNS)}"
    )


def _referrer_urls(rng: Random) -> Iterator[str]:
    yield from _WELL_KNOWN_REFERRERS
    for number in count():
        yield f"https://{rng.choice(_SITES)}-partner{number}.example/{rng.choice(_SECTIONS)}/{rng.choice(_TOPICS)}"


def _visitor(rng: Random) -> Visitor:
    number = rng.randrange(2**16)
    ip = rng.choice(
        (f"192.0.2.{number % 256}", f"203.0.113.{number % 256}", f"2001:db8:{number:x}::{rng.randrange(2**16):x}")
    )
    headers = (
        "Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n"
        f"Accept-Language: {rng.choice(_LANGUAGES)}\r\nAccept-Encoding: gzip, deflate, br\r\n"
        f"Cookie: session={rng.randbytes(16).hex()}; consent=1\r\nDNT: 1\r\nSec-GPC: 1\r\nConnection: keep-alive"
    )
    return Visitor(
        _field(",", "user_agent", rng.choice(_AGENTS)),
        _field(",", "ip", ip) + _field(",", "headers", headers) + b',"event_time":"',
    )
