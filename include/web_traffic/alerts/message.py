"""The text of a message."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from web_traffic.alerts.incident import Incident

Kind = Literal["opened", "reminded", "recovered"]
KINDS: tuple[Kind, ...] = ("opened", "reminded", "recovered")
BOOKS = ("open_before", "read", "rejected", "future", "late", "superseded", "emitted", "open_after")
ID_DOMAIN = "web-traffic.invalid"


@dataclass(frozen=True, slots=True)
class Story:
    """An incident as it stands now."""

    newest: Incident
    failures: int
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None = None
    silences: int = 0
    """How often it was silenced."""
    silence: str | None = None
    """Who silenced it last, and why."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel sends."""

    subject: str
    body: str
    id: str
    """Stays the same for the same message, however often it is written."""
    answers: str | None
    """Id of the message that this one follows."""
    is_good_news: bool


def write(kind: Kind, story: Story) -> Message:
    """Write the message that an incident has begun, that it is still open after a silence, or that it is over."""
    incident = story.newest
    opened = message_id("opened", incident.key, story.first_at)
    if kind == "opened":
        return Message(
            f"[{incident.severity}] {incident.title}", "\n".join(_opened(story)) + "\n", opened, None, False
        )
    if kind == "reminded":
        reminded = message_id("reminded", incident.key, story.first_at, story.silences)
        body = "\n".join([f"The silence is over ({story.silence}).", "", *_opened(story)]) + "\n"
        return Message(f"[still open] {incident.title}", body, reminded, opened, False)
    recovered = message_id("recovered", incident.key, story.first_at)
    return Message(f"[recovered] {incident.title}", "\n".join(_recovered(story)) + "\n", recovered, opened, True)


def message_id(kind: str, key: str, first_at: datetime, number: int | None = None) -> str:
    """The Message-ID of a mail, by which readers drop the second copy of one; `number` if a kind comes again."""
    told = kind if number is None else f"{kind}{number}"
    digest = hashlib.sha256(f"{told} {key} {first_at.timestamp():.6f}".encode()).hexdigest()[:32]
    return f"<{digest}@{ID_DOMAIN}>"


def _opened(story: Story) -> Iterator[str]:
    incident = story.newest
    yield incident.title
    yield ""
    yield f"Error:     {incident.error}"
    yield f"Since:     {_time(story.first_at)}"
    if story.failures > 1:
        yield f"Seen:      {story.failures} times, last at {_time(story.last_at)}"
    if incident.run_name:
        yield f"Run:       {incident.run_name}"
    if incident.books:
        yield f"Books:     {_books(incident.books)}"
    yield f"Next step: {incident.next_step}"
    for name, address in incident.links.items():
        yield f"{name + ':':<10} {address}"
    yield ""
    yield "Further failures of the same kind are counted, not sent. A message follows when it is over."


def _recovered(story: Story) -> Iterator[str]:
    yield f"It is over: {story.newest.title}"
    yield ""
    yield f"Since:     {_time(story.first_at)}"
    if story.resolved_at:
        yield f"Over at:   {_time(story.resolved_at)}"
    yield f"Seen last: {_time(story.last_at)} ({story.failures} in all)"
    yield f"Error:     {story.newest.error}"


def _books(books: dict[str, Any]) -> str:
    return ", ".join(f"{name} {books[name]:,}" for name in BOOKS if books.get(name) is not None) or "not closed"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
