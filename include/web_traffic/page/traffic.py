"""The view Traffic: hits per bucket and host, the top hosts and referring sites, and the open windows."""

from datetime import datetime, timedelta
from typing import Any, Literal

from web_traffic.page.asking import Connection, Row, ask, closing_state
from web_traffic.page.ranges import Range
from web_traffic.window_length import WINDOW

STACKED_HOSTS = 8
"""How many hosts have a colour of their own; the others are one series."""
LISTED = 15
WEEK = timedelta(days=7)
Against = Literal["before", "week"]
"""What hits are compared with: the range before, or the same range a week ago."""
BIGGEST_FIRST = {"sort": "hits", "reverse": False, "skipped": 0}
"""The order of lists, as parameters of a query."""


def traffic(connection: Connection, within: Range, search: str = "", against: Against = "before") -> dict[str, Any]:
    """Return the data of Traffic: hits of the hosts whose name contains `search`, or of all."""
    state = closing_state(connection)
    sealed_until = state["sealed_until"]
    closed_until = closed_part(within, sealed_until)
    parameters = compared(within, closed_until, against) | {"search": search, **BIGGEST_FIRST}
    points = ask(connection, "hits_per_bucket", **parameters, stacked_hosts=STACKED_HOSTS)
    hosts = ask(connection, "top_hosts", **parameters, listed=LISTED)
    sites = ask(connection, "top_sites", **parameters, listed=LISTED)
    restated = ask(connection, "restated_windows", **parameters)
    return {
        "sealed_until": sealed_until,
        "open_hits": state["open_hits"],
        "kept_from": state["kept_from"],
        "start": within.start,
        "end": within.end,
        "bucket_seconds": within.bucket / timedelta(seconds=1),
        "window_seconds": WINDOW / timedelta(seconds=1),
        "closed_until": closed_until,
        "buckets": within.buckets(),
        "series": _series(points, within),
        "hosts": [{key: row[key] for key in ("host", "hits", "hits_before", "share")} for row in hosts],
        "hosts_found": hosts[0]["found"] if hosts else 0,
        "hits": int(hosts[0]["hits_found"]) if hosts else 0,
        "hits_before": int(hosts[0]["hits_found_before"]) if hosts else 0,
        "sites": [{key: row[key] for key in ("site", "hits", "hits_before", "share")} for row in sites],
        "sites_found": sites[0]["found"] if sites else 0,
        "against": against,
        "restated": restated,
    }


def closed_part(within: Range, sealed_until: datetime | None) -> datetime:
    """Return up to where the windows of the range are closed: a time within it."""
    return max(min(sealed_until or within.start, within.end), within.start)


def compared(within: Range, closed_until: datetime, against: Against) -> dict[str, Any]:
    """Return the range, and the one to compare it with, as parameters of a query.

    That is the range before, of the same length, or the same range a week ago. If this range ends in open windows, the
    same time is left out at the end of the other one.
    """
    distance = WEEK if against == "week" else within.end - within.start
    return within.parameters() | {"before_start": within.start - distance, "before_end": closed_until - distance}


def _series(points: list[Row], within: Range) -> list[dict[str, Any]]:
    """Return the hits of each bucket by host, the host with most hits first; None stands for all other hosts."""
    place = {at: number for number, at in enumerate(within.buckets())}
    hits: dict[str | None, list[int]] = {}
    for point in points:
        hits.setdefault(point["host"], [0] * len(place))[place[point["at"]]] = int(point["hits"])
    order = sorted(hits, key=lambda host: (host is None, -sum(hits[host])))
    return [{"host": host, "hits": hits[host]} for host in order]
