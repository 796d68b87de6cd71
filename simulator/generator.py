"""The events of a stretch of time, from a seed."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate, islice
from random import Random
from typing import Literal, NamedTuple

from simulator import catalogue
from simulator.damage import DAMAGES
from web_traffic.window_length import WINDOW

Kind = Literal["valid", "late", "future", "rejected"]

WINDOW_SECONDS = WINDOW // timedelta(seconds=1)
_CHUNK = 8192
_USUAL_DELAYS = (1, 1, 1, 1, 2, 2, 3, 5, 8)
"""Usual seconds between an event and its arrival."""


class Event(NamedTuple):
    """One Kafka record, and the truth about it.

    `key` is the host, so a host's events stay in order within one partition. `timestamp_ms` is the event's place in
    the stream: the Kafka timestamp. `window_start` is in seconds since the epoch; for an event that is rejected or
    from the future, window, host and referrer are those that it would have had.
    """

    key: bytes
    value: bytes | None
    timestamp_ms: int
    kind: Kind
    window_start: int
    host: str
    referrer: str | None
    damage: str = ""
    """What is wrong with a rejected event, a name of `damage.DAMAGES`."""


class Traffic:
    """Realistic web traffic, the same for the same arguments.

    Hosts, their pages and referrers follow Zipf's law; the rate follows the day (UTC) and has bursts. `late`,
    `malformed` and `future` are shares of all events: late ones are 2 to 20 minutes behind their place in the stream,
    all others at most 9 seconds; future ones an hour to five days ahead of it; malformed ones break the contract.
    """

    def __init__(
        self,
        seed: int,
        *,
        hosts: int = 60,
        referrers: int = 400,
        late: float = 0.01,
        malformed: float = 0.003,
        future: float = 0.001,
    ) -> None:
        if hosts < 1 or referrers < 1:
            raise ValueError("hosts and referrers must be 1 or more")
        shares = (late, malformed, future)
        if min(shares) < 0 or sum(shares) > 1:
            raise ValueError("late, malformed and future must be 0 or more, and their sum at most 1")
        rng = Random(seed)  # noqa: S311  (repeatable, not secret)
        self._seed = seed
        self._shares = [1 - sum(shares), late, malformed, future]
        self._pages, self._page_weights = catalogue.pages(hosts, rng)
        self._referrers, self._referrer_weights = catalogue.referrers(referrers, rng)
        self._visitors = catalogue.visitors(rng)
        self._endings = catalogue.time_endings(rng)

    def events(self, start: datetime, end: datetime, count: int) -> Iterator[Event]:
        """`count` events with a place in the stream from `start` to before `end`, in that order.

        Each call is a stream of its own: the same arguments give the same bytes. Both times need a time zone; raises
        `ValueError` for a stretch that is empty.
        """
        start_ms, end_ms = _milliseconds(start), _milliseconds(end)
        if end_ms <= start_ms:
            raise ValueError(f"end {end} must be after start {start}")
        rng = Random(f"{self._seed} {start_ms} {end_ms} {count}")  # noqa: S311
        arrivals = _arrivals(rng, start_ms, end_ms, count)
        while chunk := list(islice(arrivals, _CHUNK)):
            yield from self._chunk(rng, chunk)

    def _chunk(self, rng: Random, arrivals: list[int]) -> Iterator[Event]:
        size = len(arrivals)
        for arrival, kind, page, (referrer, referrer_field), visitor, ending, delay in zip(
            arrivals,
            rng.choices(("valid", "late", "rejected", "future"), self._shares, k=size),
            rng.choices(self._pages, cum_weights=self._page_weights, k=size),
            rng.choices(self._referrers, cum_weights=self._referrer_weights, k=size),
            rng.choices(self._visitors, k=size),
            rng.choices(self._endings, k=size),
            rng.choices(_USUAL_DELAYS, k=size),
            strict=True,
        ):
            second = arrival // 1000 - delay
            if kind == "late":
                second = arrival // 1000 - rng.randint(120, 1200)
            elif kind == "future":
                second = arrival // 1000 + rng.randint(3_600, 5 * 86_400)
            value = b"".join(
                (
                    page.url_field,
                    referrer_field,
                    visitor.agent_field,
                    page.host_field,
                    visitor.address_fields,
                    _written(second + ending.offset_seconds, ending.separator),
                    ending.ending,
                )
            )
            window_start = second - second % WINDOW_SECONDS
            if kind == "rejected":
                name = rng.choice(_DAMAGE_NAMES)
                yield Event(
                    page.key, DAMAGES[name](json.loads(value)), arrival, kind, window_start, page.host, referrer, name
                )
            else:
                yield Event(page.key, value, arrival, kind, window_start, page.host, referrer)


_DAMAGE_NAMES = tuple(DAMAGES)


def _arrivals(rng: Random, start_ms: int, end_ms: int, count: int) -> Iterator[int]:
    """The places of `count` events, ascending: slots of 5 seconds or more get their share, spread evenly within."""
    slots = max(1, min((end_ms - start_ms) // 5_000, 20_000))
    borders = [start_ms + (end_ms - start_ms) * slot // slots for slot in range(slots + 1)]
    totals = list(accumulate(_rates(rng, borders[:-1])))
    sent = 0
    for opening, closing, total in zip(borders, borders[1:], totals, strict=False):
        due = round(count * total / totals[-1])
        for number in range(due - sent):
            yield opening + (closing - opening) * number // (due - sent)
        sent = due


def _rates(rng: Random, at_ms: list[int]) -> Iterator[float]:
    """The relative rate at each time: lowest at 4 in the morning, highest at 16 (UTC), noisy, now and then a burst."""
    burst = 1.0
    for at in at_ms:
        hour = at / 3_600_000 % 24
        burst = rng.uniform(2, 5) if rng.random() < 0.01 else 1 + (burst - 1) * 0.8
        yield (1 - 0.6 * math.cos((hour - 4) / 12 * math.pi)) * burst * rng.uniform(0.8, 1.2)


@lru_cache(maxsize=65_536)
def _written(second: int, separator: str) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime(f"%Y-%m-%d{separator}%H:%M:%S").encode()


def _milliseconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{at} needs a time zone")
    return math.floor(at.timestamp() * 1000)
