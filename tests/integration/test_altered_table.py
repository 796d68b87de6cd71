"""What an owner, a trigger or a publication may do to the result table: it works, or it is refused."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from local_stack import Stack
from tests.integration.test_aggregate import event
from tests.integration.test_sink import batch, stage, table
from tests.pipeline import Pipeline
from tests.restating import changes, hits, restate, try_to_restate
from web_traffic.errors import EXIT_NEEDS_ATTENTION, RowsHeldBack, SchemaMismatch
from web_traffic.warehouse.ledger import RunLedger
from web_traffic.warehouse.migrate import require_result_table
from web_traffic.warehouse.sink import _commit

SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)
OLD = {"00:00 a.example": 1, "00:00 b.example": 1, "00:05 wrong": 1}
NEW = {"00:00 a.example": 2, "00:00 b.example": 2, "00:00 late.example": 1, "00:05 a.example": 1}
HOLD_BACK = """
    CREATE FUNCTION public.hold_back() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER hold_back BEFORE {event} ON {table} FOR EACH ROW WHEN ({row}) EXECUTE FUNCTION public.hold_back()
"""
AS_PARTITIONS = """
    ALTER TABLE aggregated_web_traffic RENAME TO before;
    ALTER INDEX aggregated_web_traffic_key RENAME TO before_key;
    CREATE TABLE aggregated_web_traffic (LIKE before INCLUDING CONSTRAINTS) PARTITION BY RANGE (window_start);
    CREATE TABLE all_times PARTITION OF aggregated_web_traffic DEFAULT;
    CREATE UNIQUE INDEX aggregated_web_traffic_key ON aggregated_web_traffic (
        window_start,
        sha256(replace(length(host) || ':' || host || coalesce('=' || referrer, ''), '\\', '\\\\')::bytea)
    );
    GRANT SELECT, INSERT, UPDATE, DELETE ON aggregated_web_traffic TO web_traffic_writer
"""


@pytest.fixture
def late(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline with two late events, and a row that is wrong: rows to change, to add and to delete."""
    pipeline.produce(event("00:01"), event("00:02", "b.example"), event("00:06"), event("00:20"), at=SOON)
    pipeline.run()
    pipeline.produce(
        event("00:03"), event("00:03", "b.example"), event("00:04", "late.example"), event("00:21"), at=SOON
    )
    change(pipeline, "UPDATE aggregated_web_traffic SET host = 'wrong' WHERE window_start = '2026-03-29 00:05Z'")
    return pipeline


def change(pipeline: Pipeline, statement: str) -> None:
    with pipeline.owner() as owner:
        owner.execute(statement.encode())


def objections(pipeline: Pipeline) -> str:
    with pipeline.connect() as connection, pytest.raises(SchemaMismatch) as refusal:
        require_result_table(connection)
    return str(refusal.value)


def as_administrator(stack: Stack, pipeline: Pipeline, statement: str) -> None:
    with psycopg.connect(
        pipeline.settings.postgres_url, user="postgres", password=stack.secrets.postgres_admin
    ) as connection:
        connection.execute(statement.encode())


def test_a_restatement_changes_rows_that_are_published(stack: Stack, late: Pipeline) -> None:
    as_administrator(stack, late, "CREATE PUBLICATION everything FOR ALL TABLES")
    restate(late, "00:00", "00:15")
    assert hits(late) == NEW
    assert late.run()["status"] == "succeeded"


def test_published_rows_without_an_identity_are_refused_with_the_statement_that_helps(
    stack: Stack, late: Pipeline
) -> None:
    change(late, "ALTER TABLE aggregated_web_traffic REPLICA IDENTITY DEFAULT")
    restate(late, "00:00", "00:05")  # nothing is published
    as_administrator(stack, late, "CREATE PUBLICATION everything FOR ALL TABLES")
    said = try_to_restate(late, "00:00", "00:15")
    assert said.returncode == EXIT_NEEDS_ATTENTION, said.stdout
    assert "ALTER TABLE aggregated_web_traffic REPLICA IDENTITY FULL" in said.stdout
    as_administrator(stack, late, "ALTER PUBLICATION everything SET (publish = 'insert')")
    restate(late, "00:00", "00:15")
    assert hits(late) == NEW


@pytest.mark.parametrize(
    ("on", "row", "table_name", "said"),
    [
        ("DELETE", "old.host = 'wrong'", "aggregated_web_traffic", "delete_vanished_windows wrote 0 of 1 rows"),
        ("UPDATE", "old.host = 'b.example'", "aggregated_web_traffic", "update_changed_windows wrote 1 of 2"),
        ("INSERT", "new.host = 'late.example'", "aggregated_web_traffic", "insert_new_windows wrote 1 of 2"),
        ("INSERT", "new.host = 'wrong'", "etl.restatement", "find_changes wrote 4 of 5 rows"),
    ],
)
def test_a_restatement_whose_rows_a_trigger_holds_back_changes_nothing(
    late: Pipeline, on: str, row: str, table_name: str, said: str
) -> None:
    change(late, HOLD_BACK.format(event=on, table=table_name, row=row))
    result = try_to_restate(late, "00:00", "00:15")
    assert result.returncode == EXIT_NEEDS_ATTENTION, result.stdout
    assert said in result.stdout
    assert (hits(late), changes(late)) == (OLD, [])
    change(late, f"DROP TRIGGER hold_back ON {table_name}")
    restate(late, "00:00", "00:15")
    assert hits(late) == NEW
    assert late.recount().is_right


@pytest.mark.parametrize("on", ["DELETE", "UPDATE", "INSERT"])
def test_a_rule_of_the_table_is_refused_before_anything_is_counted(late: Pipeline, on: str) -> None:
    change(late, f"CREATE RULE swallow AS ON {on} TO aggregated_web_traffic DO INSTEAD NOTHING")
    for result in (try_to_restate(late, "00:00", "00:15"), late.submit()):
        assert result.returncode == EXIT_NEEDS_ATTENTION, result.stdout
        assert f"rule swallow is on {on}, was not there" in result.stdout
    assert (hits(late), changes(late)) == (OLD, [])


def test_a_batch_whose_rows_a_trigger_holds_back_is_refused_and_nothing_of_it_is_written(pipeline: Pipeline) -> None:
    windows = [("00:00", "a.example", None, 3), ("00:00", "b.example", None, 2)]
    change(pipeline, HOLD_BACK.format(event="INSERT", table="aggregated_web_traffic", row="new.host = 'b.example'"))
    with pipeline.connect() as connection:
        run = RunLedger.begin(connection, "test").key
        with pytest.raises(RowsHeldBack, match=r"^batch 0: 3 of 5 hits were written: a trigger of the table aggreg"):
            _commit(connection, batch(0, "00:05"), run, {}, stage(pipeline, *windows))
        assert table(connection) == []
        assert connection.execute("SELECT count(*) FROM etl.batch").fetchone() == (0,)
        connection.commit()
        change(pipeline, "DROP TRIGGER hold_back ON aggregated_web_traffic")
        _commit(connection, batch(0, "00:05"), run, {}, stage(pipeline, *windows))
        assert table(connection) == windows


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (AS_PARTITIONS, "table is partitioned, was ordinary"),
        ("ALTER TABLE aggregated_web_traffic SET UNLOGGED", "table is unlogged, was ordinary"),
        (
            "ALTER TABLE aggregated_web_traffic DISABLE TRIGGER keep_sums_of_added",
            "trigger keep_sums_of_added is disabled, was CREATE TRIGGER keep_sums_of_added AFTER INSERT ON public.",
        ),
        (
            "ALTER TABLE aggregated_web_traffic ENABLE REPLICA TRIGGER keep_sums_of_changed",
            "trigger keep_sums_of_changed is disabled, was CREATE TRIGGER",
        ),
        (
            "ALTER TABLE aggregated_web_traffic DISABLE TRIGGER USER",
            "trigger keep_sums_of_removed is disabled, was CREATE TRIGGER",
        ),
        (
            "DROP TRIGGER keep_sums_of_none ON aggregated_web_traffic",
            "trigger keep_sums_of_none is missing, was CREATE TRIGGER",
        ),
        (
            "DROP INDEX aggregated_web_traffic_key; "
            "CREATE UNIQUE INDEX aggregated_web_traffic_key ON aggregated_web_traffic (window_start, host, referrer)",
            "index aggregated_web_traffic_key is unique (window_start, host, referrer), was unique (window_start, sha",
        ),
        (
            "DROP INDEX aggregated_web_traffic_key; CREATE UNIQUE INDEX aggregated_web_traffic_key "
            "ON aggregated_web_traffic (window_start, host) WHERE num_hits > 5",
            "index aggregated_web_traffic_key is partial, was unique",
        ),
    ],
)
def test_a_table_that_is_no_longer_what_runs_and_the_page_rely_on_is_refused(
    pipeline: Pipeline, statement: str, said: str
) -> None:
    change(pipeline, statement)
    assert said in objections(pipeline)


def test_what_an_owner_may_do_does_no_harm(stack: Stack, late: Pipeline) -> None:
    change(
        late,
        """
        ALTER TABLE aggregated_web_traffic ADD note text, ADD seen_at timestamptz NOT NULL DEFAULT now();
        ALTER TABLE aggregated_web_traffic ADD id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
        ALTER TABLE aggregated_web_traffic ADD CHECK (num_hits < 1000000000);
        ALTER TABLE aggregated_web_traffic REPLICA IDENTITY DEFAULT;
        ALTER TABLE aggregated_web_traffic SET (fillfactor = 90);
        ALTER INDEX aggregated_web_traffic_key SET (fillfactor = 70);
        ALTER TABLE aggregated_web_traffic ENABLE ALWAYS TRIGGER keep_sums_of_added;
        CREATE INDEX ON aggregated_web_traffic (host);
        CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN new.note := ''seen''; RETURN new; END';
        CREATE TRIGGER note BEFORE INSERT ON aggregated_web_traffic FOR EACH ROW EXECUTE FUNCTION public.note();
        ALTER DATABASE {database} SET intervalstyle = 'iso_8601';
        ALTER DATABASE {database} SET standard_conforming_strings = 'on';
        CREATE STATISTICS ON host, referrer FROM aggregated_web_traffic
        """.format(database=late.settings.postgres_url.rpartition("/")[2]),
    )
    as_administrator(stack, late, "CREATE PUBLICATION everything FOR ALL TABLES")
    restate(late, "00:00", "00:15")
    assert hits(late) == NEW
    late.run()
    assert late.recount().is_right


def test_sums_that_were_not_kept_are_made_anew_by_the_owner(late: Pipeline) -> None:
    sums = "SELECT sum(num_hits)::bigint FROM etl.hits_by_{}"
    by_host, by_site = sums.format("host"), sums.format("site")
    change(late, "TRUNCATE etl.hits_by_host; INSERT INTO etl.hits_by_site VALUES ('2026-03-29 00:00Z', 'x', 7)")
    assert [*late.query(by_host), *late.query(by_site)] == [(None,), (10,)]
    change(late, "SELECT etl.rebuild_sums()")
    assert [*late.query(by_host), *late.query(by_site)] == [(3,), (3,)]


def test_only_the_owner_makes_the_sums_anew(pipeline: Pipeline) -> None:
    with pipeline.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT etl.rebuild_sums()")


def test_every_table_whose_rows_a_run_changes_can_be_published(pipeline: Pipeline) -> None:
    without_identity: list[tuple[Any, ...]] = pipeline.query(
        "SELECT c.oid::regclass::text FROM pg_class AS c "
        "WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, 'etl'::regnamespace) "
        "AND (has_any_column_privilege('web_traffic_writer', c.oid, 'UPDATE') "
        "OR has_table_privilege('web_traffic_writer', c.oid, 'DELETE')) AND c.relreplident <> 'f' "
        "AND NOT EXISTS (SELECT 1 FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)"
    )
    assert without_identity == []
