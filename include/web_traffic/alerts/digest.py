"""The digest of a week: one mail that says what ran, what was counted, and what went wrong."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from web_traffic.alerts.channels import Channel, Mail
from web_traffic.alerts.message import Message, message_id
from web_traffic.errors import ChannelDown
from web_traffic.statements import statements_beside

statement = statements_beside(__name__)
log = logging.getLogger(__name__)
WEEK = timedelta(days=7)


def send_digest(
    connection: psycopg.Connection[Any], channels: Sequence[Channel], weekday: int | None, today: date
) -> list[ChannelDown]:
    """Mail the digest of the week that ended last, on that weekday (0 is Monday), unless somebody did already.

    None means never. Returns what kept it from being sent; the next call tries again. Weeks begin at midnight, UTC.
    """
    mail = next((channel for channel in channels if isinstance(channel, Mail)), None)
    if weekday is None or mail is None:
        return []
    week_end = today - timedelta(days=(today.weekday() - weekday) % 7)
    try:
        with connection.transaction():
            if connection.execute(statement("enter_digest"), {"week_end": week_end}).fetchone():
                mail.send(write_digest(_figures(connection, week_end), week_end))
    except ChannelDown as error:
        log.warning("the digest was not sent: %s", error)
        return [error]
    return []


def write_digest(figures: dict[str, Any], week_end: date) -> Message:
    """Write the mail from the figures of the week."""
    first, last = week_end - WEEK, week_end - timedelta(days=1)
    subject = f"[digest] web traffic, {first} to {last}"
    number = message_id("digest", str(week_end), datetime.combine(week_end, time(), UTC))
    return Message(
        subject, "\n".join([f"Web traffic, {first} to {last}", "", *_lines(figures)]) + "\n", number, None, True
    )


def _lines(week: dict[str, Any]) -> Iterator[str]:
    yield f"Runs:         {week['runs']:,} that counted, {week['failed']:,} of them failed"
    yield f"Events:       {week['read']:,} read, {week['emitted']:,} in closed windows"
    yield f"Left out:     {week['rejected']:,} rejected, {week['future']:,} from the future, {week['late']:,} late"
    yield f"Rows:         {week['windows']:,} of a window, host and referrer"
    yield f"Restatements: {week['restatements']:,}, which changed {week['rows_changed']:,} rows"
    yield f"Quality:      {week['warned']:,} warnings and {week['errors']:,} errors in {week['checks']:,} checks"
    yield f"Incidents:    {week['opened']:,} began, {len(week['still_open']):,} are open now"
    for one in week["still_open"]:
        yield f"  {one['severity']}: {one['title']}, since {one['since']}"


def _figures(connection: psycopg.Connection[Any], week_end: date) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        [row] = cursor.execute(statement("digest"), {"start": week_end - WEEK, "week_end": week_end}).fetchall()
    return row
