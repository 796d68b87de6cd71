"""Applications with a deliberately broken sink: the matrix must catch each of them.

`BROKEN=<name> spark-submit tests/faults/broken_sink.py` runs the real application with one part replaced.
"""

import os
from dataclasses import replace

from web_traffic import source
from web_traffic.events import judge
from web_traffic.faults import fault_point
from web_traffic.jobs import aggregate, books
from web_traffic.precount import count
from web_traffic.settings import Settings
from web_traffic.warehouse import sink
from web_traffic.warehouse.connection import connect


def enter_the_ledger_first() -> None:
    """Enter the batch in a transaction of its own, before its windows are moved: a crash between loses them."""
    commit = sink._commit

    def broken(connection, batch, run, last_records, stages):
        with connect(Settings.from_environment()) as other:
            figures = {"query_id": batch.query_id, "batch_id": batch.batch_id}
            known = [batch_id for batch_id, *_ in other.execute(sink.statement("find_batch"), figures)]
        if batch.batch_id in known:
            return
        commit(connection, batch, run, last_records, {})
        fault_point(f"between {batch.batch_id}")
        with connection.transaction():
            connection.execute(sink.statement("move_staged_windows"), {"stage_ids": list(stages)})

    sink._commit = broken


def move_without_the_ledger() -> None:
    """Move the windows in their own transaction, adding to what is there: a batch that comes again counts double."""
    commit = sink._commit
    adding = sink.statement("move_staged_windows").replace(
        b"    RETURNING num_hits",
        b"    ON CONFLICT (window_start, sha256(replace(length(host) || ':' || host || coalesce('=' || referrer, ''), "
        b"'\\', '\\\\')::bytea)) DO UPDATE SET num_hits = aggregated_web_traffic.num_hits + excluded.num_hits "
        b"RETURNING num_hits",
    )

    def broken(connection, batch, run, last_records, stages):
        with connection.transaction():
            connection.execute(adding, {"stage_ids": list(stages)})
        fault_point(f"between {batch.batch_id}")
        commit(connection, batch, run, last_records, {})

    sink._commit = broken


def forget_rejected_events() -> None:
    """Keep no rejected event."""

    def decoder(*_):
        return lambda batches: count(judge(records) for records in batches)

    source._decoder = decoder


def count_a_stage_twice() -> None:
    """Let Spark's accumulators count twice, as they may when a stage is tried again; not the sink's fault."""
    observed_batches = books.observed_batches

    def twice(query):
        return [replace(batch, read=2 * batch.read, rejected=2 * batch.rejected) for batch in observed_batches(query)]

    books.observed_batches = twice


BROKEN = {
    "count a stage twice": count_a_stage_twice,
    "enter the ledger first": enter_the_ledger_first,
    "move without the ledger": move_without_the_ledger,
    "forget rejected events": forget_rejected_events,
}

if __name__ == "__main__":
    BROKEN[os.environ["BROKEN"]]()
    aggregate.main()
