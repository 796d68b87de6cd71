"""The record of one restatement, and the one transaction that replaces the rows that differ."""

from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from web_traffic.errors import Fenced, NotIdle, RetentionGap, RowsHeldBack, RunInProgress, StagedWindowsLost
from web_traffic.faults import fault_point
from web_traffic.restatement.interval import Plan, require_kept, require_sealed
from web_traffic.settings import RestateSettings
from web_traffic.statements import statements_beside
from web_traffic.warehouse.connection import Connection
from web_traffic.warehouse.ledger import RunKey, Summary, fail_run
from web_traffic.warehouse.locks import Lock, lock_pipeline, take_turn
from web_traffic.window_length import WINDOW

statement = statements_beside(__name__)
RESTATEMENT_WAIT = timedelta(minutes=30)
"""How long a restatement waits for the one before."""

Figures = dict[str, Any]


class RestatementLedger:
    """The record of one restatement in `etl.run`, from its start to its commit.

    An advisory lock lets one restatement work at a time. Live runs have another lock, so they go on meanwhile. A
    restatement that begins ends the one before, so a restatement that loses its lock but lives on can't commit.
    """

    def __init__(self, connection: psycopg.Connection[Any], request: RestateSettings, key: RunKey) -> None:
        """Take a restatement that `begin` has entered, and the connection that keeps its lock."""
        self._connection = connection
        self._request = request
        self._key = key

    @classmethod
    def begin(
        cls,
        connection: Connection,
        name: str,
        request: RestateSettings,
        wait: timedelta = RESTATEMENT_WAIT,
    ) -> Self:
        """Wait for the restatement before, if there is one, and enter this one as running.

        Raises `RunInProgress` if that one does not end in time.
        """
        connection.hold(take_turn(connection, Lock.RESTATEMENT, wait, RunInProgress))
        run = {
            "name": name,
            "allowed_lateness": request.allowed_lateness,
            "dry_run": request.dry_run,
            "closes_idle_windows": request.interval is None,
        }
        with connection.transaction():
            [key] = connection.execute(statement("open_restatement"), run).fetchall()
        return cls(connection, request, RunKey(*key))

    @property
    def run_id(self) -> int:
        """Number of the restatement in `etl.run`."""
        return self._key.run_id

    @property
    def started_at(self) -> datetime:
        """The restatement's clock: an event that is ahead of it is from the future, whatever its Kafka timestamp."""
        return self._key.started_at

    def note(self, plan: Plan, max_clock_skew: timedelta) -> None:
        """Note the interval, the records to count it from, and the newest batch of the live run that it knows."""
        query_id, batch_id = plan.reading.known or (None, None)
        known = {"known_query_id": query_id, "known_batch": batch_id, "max_clock_skew": max_clock_skew}
        with self._connection.transaction():
            self._connection.execute(statement("plan_restatement"), self._row(plan) | known)

    def commit(self, plan: Plan, stages: dict[UUID, int], phases: dict[str, float]) -> Summary:
        """Replace the rows that differ from the staged windows, and return the restatement's summary.

        It is one transaction. Live commits wait only while the changed rows are written, and a dry run rolls the
        changes back. Raises `Fenced`, `NotSealed`, `NotKept`, `NotIdle`, `RetentionGap`, `StagedWindowsLost` or
        `RowsHeldBack`; then nothing was changed.
        """
        row = self._row(plan) | {"stage_ids": list(stages), "phases": Jsonb(phases), "window_length": WINDOW}
        with self._connection.transaction():
            self._require_own()
            with self._connection.transaction():
                figures = self._replace(plan, row, stages)
                if self._request.dry_run:
                    raise psycopg.Rollback
            for share in plan.shares:
                self._connection.execute(statement("share_restatement"), row | {"run_name": share.name})
            self._connection.execute("TRUNCATE etl.staged_restatement")
            summary: Summary = self._connection.execute(statement("close_restatement"), row | figures).fetchall()[0][0]
            fault_point("restatement written")
        return summary

    def _replace(self, plan: Plan, row: Figures, stages: dict[UUID, int]) -> Figures:
        names = ("windows_checked", "windows_changed", "hits_before", "hits_after")
        *found, entered, vanished, changed, new = self._fetch("find_changes", row)
        figures: Figures = dict(zip(names, found, strict=True))
        if figures["hits_after"] != sum(stages.values()):
            raise StagedWindowsLost(
                f"restatement {self.run_id}: {sum(stages.values()):,} hits were copied, "
                f"but {figures['hits_after']:,} are staged"
            )
        self._require_all("entered", "etl.restatement", entered, figures["windows_changed"])
        if plan.reading.doubt:
            self._require_growth(plan, row)
        (biggest,) = self._fetch("biggest_changes", row)
        fault_point("changes found")
        self._lock(plan)
        written = dict(zip(("deleted", "updated", "inserted"), self._fetch("replace_windows", row), strict=True))
        for done, rows in zip(written, (vanished, changed, new), strict=True):
            self._require_all(done, "aggregated_web_traffic", written[done], rows)
        fault_point("windows replaced")
        if plan.idle_after:
            self._connection.execute(statement("seal_idle_windows"), row)
        return figures | {"biggest_changes": Jsonb(biggest)}

    def _require_own(self) -> None:
        """Raise `Fenced` if a later restatement has ended this one; hold up later ones until the transaction ends."""
        if not self._connection.execute(statement("lock_restatement"), self._key._asdict()).fetchall():
            raise Fenced(
                f"restatement {self.run_id} was refused: a later one has begun since, or the database is restored "
                "from a copy; start again"
            )

    def _require_growth(self, plan: Plan, row: Figures) -> None:
        """Refuse to take hits away if Kafka has deleted records that may belong to the interval."""
        (rows, hits) = self._fetch("taken_away", row)
        if rows:
            raise RetentionGap(
                f"{plan.interval}: {rows:,} rows would lose {hits:,} hits, but Kafka has deleted records that may "
                f"hold them ({plan.reading.doubt}): restate only windows of later records"
            )

    def _require_all(self, done: str, table: str, written: int, rows: int) -> None:
        if written != rows:
            found = f"restatement {self.run_id}: PostgreSQL {done} {written:,} of {rows:,} rows"
            raise RowsHeldBack(found, table)

    def _lock(self, plan: Plan) -> None:
        """Let live commits wait until the transaction ends, and check that the plan still holds."""
        lock_pipeline(self._connection)
        sealed_until, kept_from, *newest_batch = self._fetch("restated_pipeline", {})
        require_kept(plan.interval, kept_from)
        if plan.idle_after is None:
            require_sealed(plan.interval, sealed_until)
        elif tuple(newest_batch) != plan.idle_after:
            raise NotIdle("a live run counted newer events meanwhile, so nothing was closed: start again if need be")

    def _fetch(self, name: str, parameters: Figures) -> tuple[Any, ...]:
        row: tuple[Any, ...]
        [row] = self._connection.execute(statement(name), parameters).fetchall()
        return row

    def fail(self, error: BaseException) -> None:
        """Mark the restatement as failed; without a connection, the next one marks it."""
        fail_run(self._connection, self.run_id, error)

    def _row(self, plan: Plan) -> Figures:
        return {
            "run_id": self.run_id,
            "restate_from": plan.interval.start,
            "restate_to": plan.interval.end,
            "start_offsets": Jsonb(plan.reading.start_offsets),
            "end_offsets": Jsonb(plan.reading.end_offsets),
            "closes_idle_windows": plan.idle_after is not None,
        }
