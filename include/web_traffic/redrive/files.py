"""Rejected events as NDJSON, for a person to look at and to repair.

A line is an object with `topic_id`, `partition`, `offset` and the value: as `value` if it is UTF-8 text, else in
base64 as `value_base64`; a record without a value has `value` null. The other fields are for the reader.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from web_traffic.errors import BadFile
from web_traffic.redrive.ledger import Place, RejectedEvent

Values = dict[Place, bytes | None]


class _Line(msgspec.Struct):
    partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    topic_id: str | None = None
    value: str | UnsetType | None = UNSET
    value_base64: str | UnsetType = UNSET

    def bytes(self) -> bytes | None:
        if (self.value is UNSET) == (self.value_base64 is UNSET):
            raise ValueError("give either `value` or `value_base64`")
        if isinstance(self.value_base64, str):
            return b64decode(self.value_base64, validate=True)
        return self.value.encode() if isinstance(self.value, str) else None


def export(file: Path, events: Iterable[RejectedEvent]) -> int:
    """Write the events to a new file, whole or not at all, and return how many; raises `BadFile` if there is one."""
    partial = file.with_name(f"{file.name}.partial")
    written = 0
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as lines:
            for event in events:
                lines.write(line(event))
                written += 1
        file.hardlink_to(partial)
    except FileExistsError as error:
        raise BadFile(f"{file} exists already: name a new file") from error
    except OSError as error:
        raise BadFile(f"{file} can't be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return written


def line(event: RejectedEvent) -> str:
    """Return the line of a rejected event, with its end."""
    fields: dict[str, object] = {
        "topic_id": event.topic_id,
        "partition": event.partition,
        "offset": event.record_offset,
        "kafka_timestamp": event.kafka_timestamp.isoformat(),
        "reason": event.reason,
    }
    try:
        fields["value"] = None if event.value is None else event.value.decode()
    except UnicodeDecodeError:
        fields["value_base64"] = b64encode(event.value or b"").decode()
    return json.dumps(fields, ensure_ascii=False) + "\n"


def read_values(file: Path, topic_id: str) -> Values:
    """Read the values of a file, by place; `topic_id` is for lines that name none. Raises `BadFile`."""
    decode = msgspec.json.Decoder(_Line).decode
    values: Values = {}
    for number, text in enumerate(_text(file).split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            found = decode(text)
            place = Place(found.topic_id or topic_id, found.partition, found.offset)
            if place in values:
                raise ValueError("an earlier line is for the same record: keep one of the two")
            values[place] = found.bytes()
        except ValueError as error:
            raise BadFile(f"{file}, line {number}: {error}") from error
    return values


def _text(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadFile(f"{file} can't be read: {error.strerror}") from error
