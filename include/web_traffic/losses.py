"""Compares Kafka's log with the records that were read from it, and finds which are lost.

A log can be cut at its head (retention) or at its tail (an unclean election, a disk restored from a copy). It can be
cut and grow again, or be made anew with its topic.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from web_traffic.kafka import Offsets, Topic
from web_traffic.warehouse.history import Past, Span

Gap = dict[str, list[int]]
"""Lost offsets by partition: the first one, and the end. A partition of another topic is `topic id/partition`."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Records that are gone."""

    wrong: str
    gap: Gap
    needs_rebuild: bool = field(default=True)
    """Whether Spark can't go on from its checkpoint without them."""


def lost_records(span: Span, topic: Topic, changed: Offsets, is_rebuild: bool) -> list[Loss]:
    """Return the losses in a span: Kafka does not hold its records, or holds others at their offsets.

    `changed` are, by partition, the offsets from which the log is not what was read. A partition that the span does
    not know is read from its first record.
    """
    losses = []
    ends = {partition: topic.end_offsets.get(partition, 0) for partition in span.read_until}
    if tail := {name: [end, span.read_until[name]] for name, end in ends.items() if end < span.read_until[name]}:
        wrong = _each(tail, "partition {} was read up to offset {last}, but ends at {first}")
        gap = {name: [min(first, changed.get(name, first)), last] for name, (first, last) in tail.items()}
        losses.append(Loss(f"Kafka has lost the newest records that were read ({wrong})", gap))
    regrown = {name: first for name, first in changed.items() if name in ends and name not in tail}
    if replaced := {name: [first, span.read_until[name]] for name, first in regrown.items()}:
        wrong = "the log was cut and has grown again: events at re-used offsets were never read"
        losses.append(Loss(f"{wrong} ({_each(replaced, 'partition {}: offsets {first} to {last}')})", replaced))
    firsts = topic.first_offsets.items()
    if head := {name: [span.wanted.get(name, 0), first] for name, first in firsts if span.wanted.get(name, 0) < first}:
        wrong = _each(head, "partition {}: offset {first} is next, {last} is the first there")
        which = "that a new checkpoint has to read" if is_rebuild else "that were not read yet"
        losses.append(Loss(f"Kafka has deleted records {which} ({wrong})", head, needs_rebuild=False))
    return losses


def lost_topic(past: Past, topic: Topic, span: Span | None) -> list[Loss]:
    """Return the losses of the topic that was read before this one; `span` is that of the earlier topic."""
    before = past.newest_topic_id
    if before in (None, topic.id) or past.open_hits == 0:
        return []
    wanted, read_until = span or Span({}, {})
    unsealed = {
        f"{before}/{partition}": [first, read_until[partition]]
        for partition, first in wanted.items()
        if first < read_until[partition]
    }
    wrong = f"the topic was made anew, or is another one, without the records of open windows (topic id was {before})"
    return [Loss(wrong, unsealed)]


def first_kept(span: Span, topic: Topic, changed: Offsets) -> Offsets:
    """Return where a new checkpoint begins: at the first record of the span that Kafka holds, by partition."""
    wanted = span.wanted | {
        partition: min(first, span.wanted.get(partition, first)) for partition, first in changed.items()
    }
    return {
        partition: min(max(wanted.get(partition, 0), first), topic.end_offsets[partition])
        for partition, first in topic.first_offsets.items()
    }


def all_gaps(losses: Iterable[Loss]) -> Gap:
    """Return the gaps of all losses as one."""
    gaps: Gap = {}
    for loss in losses:
        for partition, (first, last) in loss.gap.items():
            known = gaps.get(partition, [first, last])
            gaps[partition] = [min(first, known[0]), max(last, known[1])]
    return gaps


def reused_from(losses: Iterable[Loss]) -> Offsets:
    """Return the offsets from which the log was cut, by partition: other records come there."""
    cut = [loss.gap for loss in losses if loss.needs_rebuild]
    return {name: first for gap in cut for name, (first, _) in gap.items() if name.isdecimal()}


def _each(gap: Gap, text: str) -> str:
    return "; ".join(text.format(partition, first=first, last=last) for partition, (first, last) in gap.items())
