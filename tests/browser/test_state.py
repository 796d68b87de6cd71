"""The state of the pipeline on top of every view of the page."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from confluent_kafka import Producer
from playwright.sync_api import Page, Route, expect

from tests.pipeline import Pipeline


@pytest.fixture
def failed_run(traffic: Pipeline) -> Iterator[str]:
    """Put a failed run with an open alert and late events behind the newest one, and take it away again."""
    with traffic.owner() as connection:
        connection.execute(
            "INSERT INTO etl.run (name, status, started_at, ended_at, late, error) "
            "VALUES ('web_traffic/failed', 'failed', now(), now(), 7, 'why')"
        )
        connection.execute(
            "INSERT INTO etl.alert (key, severity, title, error, next_step, links, failure_ids, first_at, last_at, "
            "channels, unsent) VALUES ('browser', 'error', 'it failed', 'why', 'do', '{}', '{x}', now(), now(), "
            "'{email}', '{}')"
        )
    yield "web_traffic/failed"
    with traffic.owner() as connection:
        connection.execute("DELETE FROM etl.alert WHERE key = 'browser'")
        connection.execute("DELETE FROM etl.run WHERE name = 'web_traffic/failed'")


@pytest.mark.parametrize("view", ["traffic", "alerts"])
def test_what_is_wrong_stands_on_top_of_every_view(page: Page, failed_run: str, view: str) -> None:
    page.goto(f"/web-traffic/?view={view}")
    state = page.get_by_role("group", name="State of the pipeline")
    expect(state.locator(".failed")).to_contain_text(["The newest run has failed", "1 open alert"])
    expect(state.get_by_role("link", name=re.compile("^Closed until 20"))).to_be_visible()
    expect(state.get_by_text(re.compile("as of [0-9:]{8} UTC"))).to_be_visible()
    expect(state.get_by_text("7 late events since the newest restatement")).to_be_visible()
    state.get_by_role("link", name="The newest run has failed").click()
    expect(page.locator(".run")).to_contain_text(failed_run)


def test_the_state_renews_itself_and_the_view_follows_a_new_run(page: Page, request: pytest.FixtureRequest) -> None:
    page.clock.install()
    page.goto("/web-traffic/?view=pipeline")
    state = page.get_by_role("group", name="State of the pipeline")
    expect(state.get_by_text(re.compile("^Checked .* ago$"))).to_be_visible()
    expect(state.get_by_text("The newest run has failed")).to_be_hidden()
    name = request.getfixturevalue("failed_run")
    page.clock.run_for(31_000)
    expect(state.get_by_text("The newest run has failed")).to_be_visible()
    expect(page.get_by_role("table", name="Runs, newest first")).to_contain_text(name)


def test_the_state_does_not_wait_for_a_broker_that_is_down(page: Page) -> None:
    page.route("**/api/lag*", lambda route: None)  # it never answers
    page.goto("/web-traffic/")
    state = page.get_by_role("group", name="State of the pipeline")
    expect(state.get_by_text(re.compile("^Checked .* ago$"))).to_be_visible()


def test_an_outage_is_seen_before_its_deadline(page: Page) -> None:
    def twelve_minutes_later(route: Route) -> None:
        answer = route.fetch()
        state = answer.json()
        at = datetime.now(UTC) - timedelta(minutes=12)
        state["newest_check"]["checked_at"] = at.isoformat()
        route.fulfill(response=answer, json=state)

    page.route("**/api/state*", twelve_minutes_later)
    page.goto("/web-traffic/")
    state = page.get_by_role("group", name="State of the pipeline")
    expect(state.locator(".warned", has_text="Checked 12 min ago")).to_be_visible()


def test_records_behind_an_open_transaction_are_seen(page: Page, traffic: Pipeline) -> None:
    settings = traffic.settings
    producer = Producer({"bootstrap.servers": settings.kafka_url, "transactional.id": "browser"})
    producer.init_transactions(30)
    producer.begin_transaction()
    try:
        producer.produce(settings.kafka_topic, b"{}", partition=2)
        producer.flush(30)
        page.goto("/web-traffic/")
        state = page.get_by_role("group", name="State of the pipeline")
        expect(state.locator(".warned", has_text="1 record behind an open transaction")).to_be_visible()
    finally:
        producer.abort_transaction(30)


@pytest.mark.parametrize("dag", ["web_traffic_restatement", "web_traffic_retention"])
def test_a_paused_dag_is_said_to_be_paused(page: Page, dag: str) -> None:
    page.goto("/web-traffic/")
    state = page.get_by_role("group", name="State of the pipeline")
    expect(state.get_by_text(f"{dag} is paused")).to_be_visible()


@pytest.fixture
def deleted(traffic: Pipeline) -> Iterator[None]:
    """Let retention seem to have deleted windows of May 2026 and before."""
    with traffic.owner() as connection:
        connection.execute("UPDATE etl.pipeline SET windows_kept_from = '2026-06-01T00:00:00Z'")
    yield
    with traffic.owner() as connection:
        connection.execute("UPDATE etl.pipeline SET windows_kept_from = NULL")


@pytest.mark.parametrize(
    ("start", "is_told"), [("2026-05-31T23:00", True), ("2026-06-01T00:00", False)], ids=["within", "after"]
)
def test_a_range_with_deleted_windows_says_so(page: Page, deleted: None, start: str, is_told: bool) -> None:
    page.goto(f"/web-traffic/?from={start}&to=2026-06-01T06:00")
    expect(page.get_by_role("heading", name=re.compile("^Hits per"))).to_be_visible()
    told = page.get_by_text("Windows before 2026-06-01 00:00 UTC were deleted")
    expect(told).to_be_visible() if is_told else expect(told).to_be_hidden()
