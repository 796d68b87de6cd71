"""Incidents while PostgreSQL is down: a file of this machine takes the place of the table."""

import fcntl
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from web_traffic.alerts.channels import Channel
from web_traffic.alerts.incident import Incident
from web_traffic.alerts.message import Story, write
from web_traffic.alerts.store import Connection, entry, open_incident
from web_traffic.errors import ChannelDown

log = logging.getLogger(__name__)
FILE = "while_postgresql_is_down.json"
Entries = dict[str, dict[str, Any]]


def report(folder: Path, incident: Incident, channels: Sequence[Channel]) -> list[ChannelDown]:
    """Keep an incident in the file, and send what it has to say; returns what kept messages from being sent."""
    with _entries(folder) as entries:
        known = entries.get(incident.key)
        if known is None:
            row = asdict(incident) | {"at": incident.at.isoformat(), "failures": 1, "last_at": incident.at.isoformat()}
            names = [channel.name for channel in channels]
            entries[incident.key] = row | {"channels": names, "unsent": [entry("opened", name) for name in names]}
        elif known["failure"] != incident.failure:
            known |= {"failure": incident.failure, "error": incident.error, "last_at": incident.at.isoformat()}
            known["failures"] += 1
        return _send(entries, channels)


def hand_over(folder: Path, connection: Connection) -> None:
    """Move the incidents of the file to `etl.alert`, with what is still to be sent of them."""
    if not (folder / FILE).exists():
        return
    with _entries(folder) as entries:
        for row in entries.values():
            incident, rest = _incident(row)
            open_incident(
                connection,
                incident,
                rest["channels"],
                unsent=rest["unsent"],
                failures=rest["failures"],
                last_at=datetime.fromisoformat(rest["last_at"]),
            )
        entries.clear()


def _send(entries: Entries, channels: Sequence[Channel]) -> list[ChannelDown]:
    failures = []
    for channel in channels:
        for row in entries.values():
            if entry("opened", channel.name) not in row["unsent"]:
                continue
            incident, rest = _incident(row)
            story = Story(incident, rest["failures"], incident.at, datetime.fromisoformat(rest["last_at"]))
            try:
                channel.send(write("opened", story))
            except ChannelDown as error:
                log.warning("%s", error)
                failures.append(error)
                break
            row["unsent"].remove(entry("opened", channel.name))
    return failures


def _incident(row: dict[str, Any]) -> tuple[Incident, dict[str, Any]]:
    rest = {name: row[name] for name in ("failures", "last_at", "channels", "unsent")}
    own = {name: value for name, value in row.items() if name not in rest}
    return Incident(**own | {"at": datetime.fromisoformat(row["at"])}), rest


@contextmanager
def _entries(folder: Path) -> Iterator[Entries]:
    """Read the file and write it back, alone; it is gone when nothing is left in it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    with (folder / f"{FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries: Entries = json.loads(file.read_text()) if file.exists() else {}
        yield entries
        if not entries:
            file.unlink(missing_ok=True)
            return
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(entries, indent=1))
        partial.replace(file)
