"""PostgreSQL behind PgBouncer, and servers whose own settings would stop a run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from local_stack import Stack
from local_stack.environment import LOOPBACK
from tests.certificates import Authority
from tests.integration.test_aggregate import event
from tests.pipeline import Pipeline
from tests.poolers import pooled
from tests.redriving import redrive
from tests.restating import hits, restate
from web_traffic.errors import EXIT_NEEDS_ATTENTION
from web_traffic.page.asking import reading
from web_traffic.page.pipeline import pipeline as page
from web_traffic.page.ranges import Range
from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import check
from web_traffic.quality.topic import run_scope
from web_traffic.warehouse.migrate import migrate

SOON = datetime(2026, 3, 29, 0, 21, tzinfo=UTC)
SLOW_INSERTS = """
    CREATE FUNCTION public.wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1.5); RETURN NULL; END';
    CREATE TRIGGER wait AFTER INSERT ON aggregated_web_traffic FOR EACH STATEMENT EXECUTE FUNCTION public.wait()
"""


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_everything_works_through_a_pooler(stack: Stack, pipeline: Pipeline, tmp_path: Path, mode: str) -> None:
    with pooled(stack, pipeline, tmp_path, mode) as reached:
        with reached.owner() as owner:
            assert migrate(owner) == []
        reached.produce(event("00:01"), event("00:06"), event("00:20"), b"{", at=SOON)
        reached.run()
        reached.produce(event("00:03"), event("00:28"), at=SOON + timedelta(minutes=10))
        assert reached.run()["late"] == 1
        restate(reached, "00:00", "00:15")
        assert hits(reached) == {"00:00 a.example": 2, "00:05 a.example": 1, "00:20 a.example": 1}
        assert redrive(reached, "--reason", "not JSON").returncode == 0
        reached.run()
        with reached.connect() as connection:
            results = check(connection, RULES, run_scope(reached.settings, connection))
        assert {result.status for result in results} <= {"passed", "nothing to check"}
        with reading(reached.settings) as connection:
            now = datetime.now(UTC)
            assert len(page(connection, Range.of("1h", None, None, now))["runs"]) == 3
        outcome = reached.recount()
        assert outcome.is_right, str(outcome)


def test_limits_and_time_zone_hold_in_each_transaction_of_a_shared_session(
    stack: Stack, pipeline: Pipeline, tmp_path: Path
) -> None:
    with (
        pooled(stack, pipeline, tmp_path, "transaction", size=1) as reached,
        reached.connect() as connection,
        reached.connect() as stranger,
    ):
        for _ in range(3):
            stranger.execute("SET timezone = 'Asia/Kolkata'")
            stranger.execute("SET lock_timeout = 0")
            stranger.commit()
            names = ("lock_timeout", "statement_timeout", "TimeZone")
            shown = [connection.execute(f"SHOW {name}").fetchall()[0][0] for name in names]
            assert shown == ["30s", "30min", "UTC"]
            connection.commit()


def test_no_statement_is_prepared_for_a_session_that_the_next_transaction_may_not_have(
    stack: Stack, pipeline: Pipeline, tmp_path: Path
) -> None:
    with (
        pooled(stack, pipeline, tmp_path, "transaction", size=2) as reached,
        reached.connect() as connection,
        reached.connect() as stranger,
    ):
        for _ in range(6):  # psycopg prepares a statement before it runs for the sixth time
            connection.execute("SELECT %s::text", ["x"])
        connection.commit()
        stranger.execute("SELECT 1")  # its transaction takes the session that was used last
        assert connection.execute("SELECT %s::text", ["x"]).fetchone() == ("x",)


def test_statement_mode_is_refused_with_the_mode_that_works(stack: Stack, pipeline: Pipeline, tmp_path: Path) -> None:
    with pooled(stack, pipeline, tmp_path, "statement") as reached:
        result = reached.submit()
    assert result.returncode == EXIT_NEEDS_ATTENTION, result.stdout + result.stderr
    assert "pool_mode = transaction or session" in result.stdout


def test_settings_of_the_role_do_not_stop_a_run(stack: Stack, pipeline: Pipeline) -> None:
    database = sql.Identifier(pipeline.settings.postgres_url.rpartition("/")[2])
    admin = {"user": "postgres", "password": stack.secrets.postgres_admin, "autocommit": True}
    with psycopg.connect(pipeline.settings.postgres_url, **admin) as connection:
        for name, value in {
            "datestyle": "SQL, DMY",
            "intervalstyle": "iso_8601",
            "search_path": "nowhere",
            "default_transaction_isolation": "serializable",
            "statement_timeout": "1s",
            "idle_session_timeout": "500ms",
            "timezone": "Asia/Kolkata",
        }.items():
            alter = sql.SQL("ALTER ROLE web_traffic_writer IN DATABASE {} SET {} = {}")
            connection.execute(alter.format(database, sql.Identifier(name), sql.Literal(value)))
        connection.execute(SLOW_INSERTS)  # slower than the role allows
    pipeline.produce(event("00:01"), event("00:20"), at=SOON)
    pipeline.run()
    pipeline.produce(event("00:03"), at=SOON)
    pipeline.run()
    restate(pipeline, "00:00", "00:15")
    assert hits(pipeline) == {"00:00 a.example": 2}
    assert pipeline.recount().is_right


def verified(pipeline: Pipeline, authority: Authority) -> Pipeline:
    """Return the pipeline with an address that trusts one authority, and checks the server's name."""
    url = f"{pipeline.environment['POSTGRES_URL']}?sslmode=verify-full&sslrootcert={authority.file}"
    return replace(pipeline, environment=pipeline.environment | {"POSTGRES_URL": url})


def test_a_server_that_proves_its_name_is_reached_from_everywhere(
    stack: Stack, pipeline: Pipeline, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority", "ours")
    with pooled(stack, pipeline, tmp_path, "transaction", tls=authority.sign("server", LOOPBACK)) as reached:
        secure = verified(reached, authority)
        with secure.connect() as connection:
            assert connection.pgconn.ssl_in_use
        secure.produce(event("00:01"), event("00:20"), b"{", at=SOON)
        secure.run()
        secure.produce(event("00:03"), at=SOON)
        secure.run()
        restate(secure, "00:00", "00:15")
        assert hits(secure) == {"00:00 a.example": 2}
        assert redrive(secure, "--reason", "not JSON").returncode == 0
        assert secure.recount().is_right


@pytest.mark.parametrize(
    ("names", "is_trusted", "said"),
    [
        ((LOOPBACK,), False, "certificate verify failed"),
        (("other.example",), True, "does not match host name"),
    ],
)
def test_a_server_that_does_not_prove_its_name_is_refused(
    stack: Stack, pipeline: Pipeline, tmp_path: Path, names: tuple[str, ...], is_trusted: bool, said: str
) -> None:
    authority, stranger = (Authority(tmp_path / name, name) for name in ("ours", "strange"))
    with pooled(stack, pipeline, tmp_path, "session", tls=authority.sign("server", *names)) as reached:
        result = verified(reached, authority if is_trusted else stranger).submit()
    assert result.returncode == EXIT_NEEDS_ATTENTION, result.stdout + result.stderr
    assert said in result.stdout
    assert "correct POSTGRES_URL" in result.stdout
