"""Examines whether Spark may open a checkpoint, or make a new one.

Kafka's log, the checkpoint and the database must be of the same time (`histories`, `losses`), and the settings must be
those of the checkpoint. Otherwise the run is refused with the way out; Spark would find some of this late or never.
"""

import re
from typing import Any

import psycopg

from web_traffic.checkpoint import Checkpoint
from web_traffic.errors import CheckpointError, CheckpointMismatch, DataLoss, SettingsError
from web_traffic.events import KEYS
from web_traffic.histories import CHECKS, Histories, look_at
from web_traffic.kafka import Offsets, Topic
from web_traffic.losses import all_gaps, lost_records
from web_traffic.marks import changed_from
from web_traffic.rebuild import Rebuild, Start, behind_unreadable
from web_traffic.settings import Settings
from web_traffic.unreadable import find_unreadable, require_readable
from web_traffic.warehouse.history import Fingerprint, LastRecord, Span, read_last_records, read_past
from web_traffic.window_length import WINDOW_MINUTES

ACCEPT = "to go on without them run once with accept_data_loss, which records the gap"
ENCODED_IN_ADDRESSES = re.compile(r"""[\s%#?"<>`^|{}\[\]\\]""")
"""What Java encodes in the path of a URI. Spark's reader of states encodes it, and takes the result for the path."""


def fingerprint(settings: Settings, topic: Topic, watermark_delay: str, spark_version: str) -> Fingerprint:
    """Return what is fixed for the life of a checkpoint."""
    return {
        "topic": topic.name,
        "topic id": topic.id,
        "window": f"{WINDOW_MINUTES} minutes",
        "watermark delay": watermark_delay,
        "keys": ", ".join(("window", *KEYS)),
        "state partitions": str(settings.shuffle_partitions),
        "state store": settings.state_store,
        "Spark": ".".join(spark_version.split(".")[:2]),
    }


def examine(settings: Settings, connection: psycopg.Connection[Any], topic: Topic, expected: Fingerprint) -> Start:
    """Return how the stream may start; raises `NeedsAttention` if it may not.

    Changes nothing. If a rebuild was asked for, the stream may start once `rebuild.set_aside` has made room for it.
    """
    _require_readable_state(settings.checkpoint_location)
    checkpoint = Checkpoint(settings.checkpoint_location)
    checkpoint.storage.require_writable()
    newest, *older = read_last_records(connection, topic.id) or [{}]
    changed = changed_from(settings, topic, newest, older)
    kept = {partition: record for partition, record in newest.items() if _is_kept(partition, record, topic, changed)}
    rebuild = Rebuild(checkpoint, connection, topic, changed)
    if settings.rebuild_checkpoint:
        return behind_unreadable(settings, topic, rebuild.start(settings.accept_data_loss, kept), rebuild)
    span = _agreed_span(checkpoint, connection, expected, rebuild)
    losses = lost_records(span, topic, changed, is_rebuild=False) if span else []
    wrong = [loss.wrong for loss in losses]
    if any(loss.needs_rebuild for loss in losses):
        raise DataLoss(rebuild.way_out(wrong))
    if losses and not settings.accept_data_loss:
        raise DataLoss("; ".join([*wrong, ACCEPT]))
    first = topic.end_offsets if span is None and settings.starting_offsets == "latest" else {}
    require_readable(topic, find_unreadable(settings, topic, span.wanted if span else first))
    return Start(None, all_gaps(losses) or None, kept)


def _is_kept(partition: str, record: LastRecord, topic: Topic, changed: Offsets) -> bool:
    """Whether Kafka's log still reaches the record that was read last, and was not cut before it."""
    return partition not in changed and record.offset < topic.end_offsets.get(partition, 0)


def _agreed_span(
    checkpoint: Checkpoint, connection: psycopg.Connection[Any], expected: Fingerprint, rebuild: Rebuild
) -> Span | None:
    """Return what the checkpoint has read and reads next; raises `CheckpointMismatch` if the ledger disagrees."""
    try:
        if damage := checkpoint.damage():
            raise CheckpointError(damage)
        seen = look_at(checkpoint)
        histories = Histories(checkpoint, seen, read_past(connection, seen.query_id), expected, rebuild.span)
        wrong = next(filter(None, (check(histories) for check in CHECKS)), None)
    except CheckpointError as error:
        raise CheckpointMismatch(rebuild.way_out([f"the checkpoint is damaged: {error}"])) from error
    if wrong:
        raise CheckpointMismatch(rebuild.way_out([wrong]))
    return histories.span


def _require_readable_state(location: str) -> None:
    """Refuse a folder whose state Spark 4.2 writes and can't read: see `findings/`."""
    if found := ENCODED_IN_ADDRESSES.search(location):
        raise SettingsError(
            f"CHECKPOINT_LOCATION={location}: Spark can't read the state of a checkpoint with {found[0]!r} in its "
            "path; choose a path of letters, digits, '/', '.', '_' and '-'"
        )
