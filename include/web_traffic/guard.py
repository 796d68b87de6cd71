"""What must hold before Spark opens a checkpoint.

It fits the database, the topic and the settings, and Kafka still holds all that comes after its last batch. What does
not hold is refused, with the way out; Spark itself would find some of it late, and some of it never.
"""

import getpass
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from web_traffic.checkpoint import Checkpoint, CheckpointError, Offsets
from web_traffic.errors import NeedsAttention
from web_traffic.events import WINDOW_MINUTES
from web_traffic.kafka import Topic
from web_traffic.settings import Settings

REBUILD = "run once with rebuild_checkpoint: unsealed windows are counted anew, sealed ones stay"
Fingerprint = dict[str, str]
Gap = dict[str, list[int]]
"""Lost offsets by partition: the first that was wanted, and the first that is there."""


class CheckpointMismatch(NeedsAttention):
    """The checkpoint does not belong to this database, topic or configuration; nothing was read or written."""


class CheckpointClosed(NeedsAttention):
    """The checkpoint's folder can't be written to; nothing was read or written."""


class DataLoss(NeedsAttention):
    """Kafka has deleted records before they were read; nothing was read or written."""


@dataclass(frozen=True, slots=True)
class Start:
    """How the stream may start."""

    rebuild_from: datetime | None = None
    """Kafka timestamp from which a new checkpoint reads; None for the checkpoint's own offsets or the setting."""
    gap: Gap | None = None
    """Lost records that this run may pass over."""


def fingerprint(settings: Settings, topic: Topic, watermark_delay: str, spark_version: str) -> Fingerprint:
    """Return what is fixed for the life of a checkpoint."""
    return {
        "topic": topic.name,
        "topic id": topic.id,
        "window": f"{WINDOW_MINUTES} minutes",
        "watermark delay": watermark_delay,
        "keys": "window, host, referrer",
        "state partitions": str(settings.shuffle_partitions),
        "Spark": ".".join(spark_version.split(".")[:2]),
    }


def examine(settings: Settings, connection: psycopg.Connection[Any], topic: Topic, expected: Fingerprint) -> Start:
    """Say how the stream may start; raises an error of this module when it may not."""
    checkpoint = Checkpoint(settings.checkpoint_location)
    with connection.transaction():
        known: dict[UUID, Fingerprint] = dict(
            connection.execute("SELECT query_id, fingerprint FROM etl.checkpoint").fetchall()
        )
        [(sealed_until,)] = connection.execute(
            "SELECT nullif(sealed_until, '-infinity') FROM etl.pipeline WHERE name = 'web_traffic'"
        ).fetchall()
    _require_writable(checkpoint)
    if settings.rebuild_checkpoint:
        _set_aside(checkpoint)
        return Start(rebuild_from=_earliest_unsealed(settings, sealed_until))
    _require_readable(checkpoint)
    _require_known(checkpoint, known)
    _require_same(checkpoint, known, expected)
    gap = lost_offsets(checkpoint, topic)
    if gap and not settings.accept_data_loss:
        raise DataLoss(
            f"{_describe(gap)}; to go on without them run once with accept_data_loss, which records the gap"
        )
    return Start(gap=gap or None)


def lost_offsets(checkpoint: Checkpoint, topic: Topic) -> Gap:
    """Return the offsets after the checkpoint's last batch that Kafka does not hold any more."""
    committed = checkpoint.newest_committed()
    if committed is None:
        return {}
    wanted: Offsets = checkpoint.batch(committed).end_offsets
    return {
        partition: [offset, topic.first_offsets[partition]]
        for partition, offset in wanted.items()
        if offset < topic.first_offsets[partition]
    }


def _require_writable(checkpoint: Checkpoint) -> None:
    folder = next(folder for folder in (checkpoint.folder, *checkpoint.folder.parents) if folder.exists())
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise CheckpointClosed(
            f"the user {getpass.getuser()} may not write to {folder}: give it the rights, or correct "
            "CHECKPOINT_LOCATION"
        )


def _require_readable(checkpoint: Checkpoint) -> None:
    newest = checkpoint.newest_planned()
    if newest is None:
        return
    try:
        checkpoint.batch(newest)
    except CheckpointError as error:
        raise CheckpointMismatch(f"the checkpoint is damaged: {error}; {REBUILD}") from error


def _require_known(checkpoint: Checkpoint, known: dict[UUID, Fingerprint]) -> None:
    query_id = checkpoint.query_id
    if query_id is None and known:
        raise CheckpointMismatch(
            f"there is no checkpoint in {checkpoint.folder}, but the database was fed from one: "
            f"correct CHECKPOINT_LOCATION if it is wrong, or {REBUILD}"
        )
    if query_id and query_id not in known and checkpoint.newest_committed() is not None:
        raise CheckpointMismatch(
            f"the checkpoint in {checkpoint.folder} has fed another database: correct CHECKPOINT_LOCATION or "
            f"POSTGRES_URL if one is wrong, or {REBUILD}"
        )


def _require_same(checkpoint: Checkpoint, known: dict[UUID, Fingerprint], expected: Fingerprint) -> None:
    made_with = known.get(checkpoint.query_id, expected) if checkpoint.query_id else expected
    different = [name for name, value in expected.items() if made_with.get(name) != value]
    if different:
        changes = "; ".join(f"{name} was {made_with.get(name)}, now {expected[name]}" for name in different)
        raise CheckpointMismatch(
            f"the checkpoint in {checkpoint.folder} was made with other settings ({changes}): "
            f"restore them, or {REBUILD}"
        )


def _set_aside(checkpoint: Checkpoint) -> None:
    if checkpoint.folder.exists():
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        checkpoint.folder.rename(checkpoint.folder.with_name(f"{checkpoint.folder.name}.replaced-{now}"))


def _earliest_unsealed(settings: Settings, sealed_until: datetime | None) -> datetime | None:
    """Return a Kafka timestamp that no accepted event of an unsealed window can be older than.

    Such an event's time is at most a window older than `sealed_until`, and at most the clock skew ahead of Kafka's.
    """
    if sealed_until is None:
        return None
    return sealed_until - timedelta(minutes=WINDOW_MINUTES) - settings.max_clock_skew


def _describe(gap: Gap) -> str:
    ranges = "; ".join(
        f"partition {partition}: offset {wanted} is next, {available} is the first there"
        for partition, (wanted, available) in gap.items()
    )
    return f"Kafka has deleted records that were not read yet ({ranges})"
