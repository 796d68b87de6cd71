"""The lists behind Traffic: all hosts or sites, the referrers of a host and its windows; sorted, and page by page."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from web_traffic.page.asking import Connection, ask, closing_state, reading
from web_traffic.page.ranges import BadRange, Range
from web_traffic.page.traffic import Against, closed_part, compared
from web_traffic.settings import Settings
from web_traffic.statements import statements_beside

statement = statements_beside(__name__)
Kind = Literal["hosts", "sites", "referrers", "windows"]
Sort = Literal["hits", "change", "name"]
LISTED = 100
PAGES = 10_000
DETAILED = timedelta(hours=25)
"""How long a range of the result table itself may be: a day, up to the boundaries of its buckets."""
COLUMNS: dict[Kind, tuple[str, ...]] = {
    "hosts": ("host", "hits", "share", "hits_before"),
    "sites": ("site", "hits", "share", "hits_before"),
    "referrers": ("referrer", "hits", "share"),
    "windows": ("window_start", "referrer", "hits"),
}
QUERIES: dict[Kind, str] = {
    "hosts": "top_hosts",
    "sites": "top_sites",
    "referrers": "referrers_of_host",
    "windows": "windows_of_host",
}
DETAILS = ("referrers", "windows")
"""The lists that come from the result table itself."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would take for a formula."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which list, of what, in which order."""

    of: Kind
    search: str = ""
    """Part of the name, for hosts."""
    host: str = ""
    """For referrers and windows."""
    referrer: str | None = None
    """For windows: those of this referrer; None for all, or for those without one (`no_referrer`)."""
    no_referrer: bool = False
    sort: Sort = "hits"
    reverse: bool = False
    against: Against = "before"


def page(connection: Connection, within: Range, wanted: Wanted, number: int) -> dict[str, Any]:
    """Return the rows of one page, counted from 0, and how many rows there are.

    Raises `BadRange` for referrers and windows of more than a day: they come from the result table itself.
    """
    if not 0 <= number < PAGES:
        raise BadRange(f"page={number}: there are pages 0 to {PAGES - 1}")
    parameters = _parameters(connection, within, wanted) | {"listed": LISTED, "skipped": number * LISTED}
    rows = ask(connection, QUERIES[wanted.of], **parameters)
    return {
        "start": within.start,
        "end": within.end,
        "columns": COLUMNS[wanted.of],
        "rows": [{name: row[name] for name in COLUMNS[wanted.of]} for row in rows],
        "found": rows[0]["found"] if rows else 0,
        "page": number,
        "pages": -(-rows[0]["found"] // LISTED) if rows else 0,
        "against": wanted.against,
    }


def download(settings: Settings, within: Range, wanted: Wanted) -> Iterator[str]:
    """Return all rows as CSV, with a header. A text that looks like a formula gets an apostrophe in front."""
    with reading(settings) as connection:
        parameters = _parameters(connection, within, wanted) | {"listed": None, "skipped": 0}
        with connection.cursor(name="list") as cursor:
            cursor.execute(statement(QUERIES[wanted.of]), parameters)
            names = [column.name for column in cursor.description or ()]
            places = [names.index(column) for column in COLUMNS[wanted.of]]
            yield _line(COLUMNS[wanted.of])
            for row in cursor:
                yield _line(_cell(row[place]) for place in places)


def _parameters(connection: Connection, within: Range, wanted: Wanted) -> dict[str, Any]:
    if wanted.of in DETAILS and within.end - within.start > DETAILED:
        raise BadRange("the referrers and windows of a host are listed for a day at most: choose a shorter range")
    if wanted.of in DETAILS:
        # PostgreSQL would read the whole table: it thinks that the rows of a day are scattered over it.
        connection.execute("SELECT set_config('enable_seqscan', 'off', true)")
    closed_until = closed_part(within, closing_state(connection)["sealed_until"])
    return compared(within, closed_until, wanted.against) | {
        "search": wanted.search,
        "host": wanted.host,
        "referrer": wanted.referrer,
        "one_referrer": wanted.referrer is not None or wanted.no_referrer,
        "sort": wanted.sort,
        "reverse": wanted.reverse,
    }


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
