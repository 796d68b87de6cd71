"""What a person follows from one view of the page to the next."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from local_stack import Stack
from local_stack.airflow import home
from local_stack.rest import AirflowApi, airflow_api
from tests.pipeline import Pipeline
from tests.whole_stack import DAG, FirstRun

TOP = "SELECT host, sum(num_hits) FROM aggregated_web_traffic GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"


@pytest.fixture
def alert(traffic: Pipeline) -> Iterator[int]:
    """Put an open incident whose error asks for two boxes of the form, and take it away again."""
    with traffic.owner() as connection:
        [(number,)] = connection.execute(
            "INSERT INTO etl.alert (key, severity, title, error, next_step, links, failure_ids, first_at, last_at, "
            "channels, unsent) VALUES ('browser', 'error', 'it failed', "
            "'a gap; run once with accept_data_loss and rebuild_checkpoint', 'do', '{}', '{x}', now(), now(), "
            "'{mail}', '{}') RETURNING alert_id"
        ).fetchall()
    yield number
    with traffic.owner() as connection:
        connection.execute("DELETE FROM etl.alert WHERE key = 'browser'")


@pytest.fixture
def rejected_event(traffic: Pipeline) -> Iterator[None]:
    """Put an event with an address among the rejected ones, and take it away again."""
    values = "'browser', 'web_traffic_topic', 0, 987654321, now(), 'host missing', '{\"ip\": \"203.0.113.7\"}'"
    columns = "topic_id, topic, partition, record_offset, kafka_timestamp, reason, value"
    with traffic.owner() as connection:
        connection.execute(f"INSERT INTO etl.rejected_event ({columns}) VALUES ({values})")
    yield
    with traffic.owner() as connection:
        connection.execute("DELETE FROM etl.rejected_event WHERE topic_id = 'browser' AND record_offset = 987654321")


@pytest.fixture
def viewer(browser: Browser, stack: Stack, first_run: FirstRun) -> Iterator[Page]:
    """Return the page as somebody sees it who may edit no DAG."""
    passwords = home(stack) / "passwords.json"
    login = {"username": "viewer", "password": re.findall(r'"viewer": ?"([^"]+)"', passwords.read_text())[0]}
    token = httpx.post(f"{stack.airflow_url}/auth/token", json=login).json()["access_token"]
    with browser.new_context(base_url=stack.airflow_url) as context:
        context.set_extra_http_headers({"Authorization": f"Bearer {token}"})
        yield context.new_page()


def saved(page: Page, link: str, role: str = "link") -> list[list[str]]:
    """Follow a link or button that saves a file, and return the rows of the CSV."""
    with page.expect_download() as download:
        page.get_by_role(role, name=link).first.click()  # type: ignore[arg-type]
    return list(csv.reader(Path(download.value.path()).read_text().splitlines()))


def test_a_host_leads_to_its_referrers_and_these_to_its_windows(page: Page, traffic: Pipeline) -> None:
    [(host, hits)] = traffic.query(TOP)
    page.goto("/web-traffic/?range=24h")
    page.get_by_role("link", name=f"Referrers of {host}").click()
    rows = page.get_by_role("table").locator("tbody tr")
    expect(page.get_by_role("heading", name=f"Referrers of {host}")).to_be_visible()
    [(referrer, most)] = traffic.query(
        f"SELECT referrer, sum(num_hits) FROM aggregated_web_traffic WHERE host = '{host}' "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    )
    expect(rows.first).to_contain_text(f"{most:,}")
    lines = saved(page, "All rows as CSV")
    assert lines[0] == ["referrer", "hits", "share"]
    assert sum(int(line[1]) for line in lines[1:]) == hits
    rows.first.get_by_role("link").click()
    expect(page.get_by_role("heading", name=f"Windows of {host}")).to_be_visible()
    lines = saved(page, "All rows as CSV")
    assert sum(int(line[2]) for line in lines[1:]) == most
    assert {line[1] for line in lines[1:]} == {referrer or ""}


def test_an_address_that_names_no_time_is_explained(context: BrowserContext, page: Page) -> None:
    other = context.new_page()  # not held to no error: the refusal is one
    other.goto("/web-traffic/?from=yesterday&to=today")
    expect(other.get_by_role("alert")).to_contain_text("from: Input should be a valid datetime")


def test_all_hosts_are_listed_sorted_and_page_by_page(page: Page, traffic: Pipeline) -> None:
    [(hosts,)] = traffic.query("SELECT count(DISTINCT host) FROM aggregated_web_traffic")
    page.goto("/web-traffic/?range=24h")
    page.get_by_role("link", name="All hosts, sorted").click()
    expect(page.get_by_text(f"{hosts:,} rows")).to_be_visible()
    page.get_by_role("link", name="Sort by Host").click()
    page.wait_for_url(re.compile("sort=name"))
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    [(first,)] = traffic.query("SELECT min(host) FROM aggregated_web_traffic")
    expect(page.get_by_role("table").locator("tbody tr").first).to_contain_text(first)
    assert len(saved(page, "All rows as CSV")) == hosts + 1


def test_a_table_is_sorted_by_a_column_and_saved_as_it_is_shown(page: Page) -> None:
    page.goto("/web-traffic/?view=quality&range=24h")
    rules = page.get_by_role("table", name="Rules, with their newest check")
    rules.get_by_role("button", name="Rule").click()
    names = rules.locator("tbody strong").all_inner_texts()
    assert names == sorted(names)
    rules.get_by_role("button", name="Rule").click()
    assert rules.locator("tbody strong").all_inner_texts() == sorted(names, reverse=True)
    lines = saved(page, "Save as CSV", "button")
    assert lines[0][:3] == ["Rule", "Dimension", "Status"]


def test_the_figures_of_rules_have_units_and_passed_is_of_those_that_checked_something(
    page: Page, traffic: Pipeline
) -> None:
    page.goto("/web-traffic/?view=quality&range=24h")
    rules = page.get_by_role("table", name="Rules, with their newest check")
    for rule, unit in (("lag", "offsets"), ("open_transaction", "records")):
        row = rules.get_by_role("row").filter(has=page.locator("strong", has_text=re.compile(f"^{rule}$")))
        expect(row.locator("td.number")).to_have_text(re.compile(f"^[0-9.,]+ ?{unit}$"))
    shown = "import('/web-traffic/static/format.js').then(format => format.measured(0.0123, 'share'))"
    assert page.evaluate(shown) == "1.23%"
    tile = page.locator(".tile", has=page.get_by_text("Passed", exact=True))
    passed, checked = re.findall(r"\d+", tile.locator("dd").first.inner_text())
    idle = rules.locator(".status.idle").count()
    assert int(checked) + idle == rules.locator("tbody tr").count()
    assert int(passed) == rules.locator(".status.passed").count()


def test_hits_are_compared_with_a_week_ago(page: Page) -> None:
    page.goto("/web-traffic/?range=1h")
    page.get_by_role("link", name="a week ago").click()
    expect(page.locator(".tile").nth(1)).to_contain_text("0 a week ago")
    expect(page.locator(".tile").nth(1).locator("dd").first).to_have_text("new")


def test_times_are_in_the_zone_that_is_chosen_in_airflow(page: Page, context: BrowserContext) -> None:
    page.goto("/web-traffic/?from=2026-01-01T00:00&to=2026-01-01T06:00")
    page.evaluate("localStorage.setItem('timezone', JSON.stringify('Asia/Tokyo'))")  # as Airflow's own switch does
    page.reload()
    expect(page.locator(".tile").first).to_contain_text("2026-01-01 09:00 to 2026-01-01 15:00")
    expect(page.get_by_label("From", exact=True)).to_have_value("2026-01-01T09:00")
    page.get_by_label("From", exact=True).fill("2026-01-01T10:00")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile(quote("2026-01-01T01:00", safe="")))
    expect(page.locator(".tile").first).to_contain_text("2026-01-01 10:00 to 2026-01-01 15:00")


def test_rejected_events_are_drawn_over_time_and_a_reason_leads_to_its_redrive(
    page: Page, rejected_event: None
) -> None:
    page.goto("/web-traffic/?view=rejected")
    expect(page.get_by_role("img", name=re.compile("Rejected events over time, by reason"))).to_be_visible()
    page.get_by_role("link", name="Send events back that were rejected for: host missing").click()
    expect(page.get_by_role("checkbox", name="host missing")).to_be_checked()
    expect(page.get_by_role("checkbox", name="not JSON")).not_to_be_checked()
    expect(page.get_by_label("Send rejected events back: since")).not_to_have_value("")


def test_an_alert_leads_to_the_form_with_the_boxes_that_it_names(page: Page, alert: int) -> None:
    page.goto("/web-traffic/?view=alerts")
    page.locator(".alert", has_text="it failed").get_by_role("link", name="Fill in the form").click()
    expect(page.get_by_role("checkbox", name="Rebuild the checkpoint")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Accept data loss")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Dry run")).not_to_be_checked()
    expect(page.get_by_text("Dangerous: go on without the records")).to_be_visible()
    sections = page.locator("legend").all_inner_texts()
    assert [section.partition(":")[0] for section in sections] == ["Restate", "Send rejected events back", "Recover"]


def test_a_form_that_can_not_be_meant_starts_no_run(page: Page, stack: Stack) -> None:
    with airflow_api(stack) as api:
        before = api.get(f"/dags/{DAG}/dagRuns", run_type="manual")["total_entries"]
        page.goto("/web-traffic/?view=run&rebuild_checkpoint=true")
        page.get_by_label("Restate from").fill("2026-01-01T00:00")
        page.get_by_role("button", name=f"Start a run of {DAG}").click()
        expect(page.get_by_role("alert")).to_contain_text("there is only 'Restate from': give both, or neither")
        assert api.get(f"/dags/{DAG}/dagRuns", run_type="manual")["total_entries"] == before


@pytest.fixture
def api(stack: Stack, first_run: FirstRun) -> Iterator[AirflowApi]:
    with airflow_api(stack) as api:
        yield api


def test_the_form_starts_a_run_and_a_dry_one_is_seen_on_every_view(
    page: Page, api: AirflowApi, first_run: FirstRun
) -> None:
    end = int(first_run.end.timestamp()) // 300 * 300 - 1800
    page.goto("/web-traffic/?view=run&dry_run=true")
    for label, at in (("Restate from", end - 300), ("Restate to", end)):
        page.get_by_label(label).fill(page.evaluate("at => new Date(1000 * at).toISOString().slice(0, 16)", at))
    page.get_by_role("button", name=f"Start a run of {DAG}").click()
    expect(page.get_by_text("A run was started")).to_be_visible()
    run_id = page.get_by_text("Its name is").inner_text().partition("/")[2].rstrip(".")
    api.wait_for_run(DAG, run_id, 180)
    page.goto("/web-traffic/")
    state = page.get_by_role("group", name="State of the pipeline")
    expect(state.get_by_role("link", name=re.compile("A dry run would change [0-9,]+ rows?"))).to_be_visible()


def test_who_may_edit_no_dag_sees_no_raw_record_and_silences_nothing(
    viewer: Page, rejected_event: None, alert: int
) -> None:
    viewer.goto("/web-traffic/?view=rejected")
    event = viewer.locator(".event", has_text="partition 0, offset 987654321")
    event.locator("summary").click()
    expect(viewer.get_by_text("are shown to those who may edit the DAG")).to_be_visible()
    expect(event).to_contain_text("Kafka timestamp")
    assert "203.0.113.7" not in viewer.content()
    assert viewer.request.get("/web-traffic/api/rejected.ndjson").status == 403
    viewer.goto("/web-traffic/?view=alerts")
    expect(viewer.get_by_text("it failed")).to_be_visible()
    expect(viewer.get_by_role("button", name="Silence")).to_have_count(0)
    body = {"reason": "no", "hours": 1}
    assert viewer.request.post(f"/web-traffic/api/alerts/{alert}/silence", data=body).status == 403


def test_an_alert_is_silenced_from_the_page(page: Page, alert: int) -> None:
    page.goto("/web-traffic/?view=alerts")
    state = page.get_by_role("group", name="State of the pipeline")
    expect(state.get_by_text("1 open alert")).to_be_visible()
    shown = page.locator(".alert", has_text="it failed")
    shown.get_by_label("Why it may wait").fill("the supplier knows")
    shown.get_by_role("button", name="Silence").click()
    expect(shown.get_by_text(re.compile("Silenced until .* by .*: the supplier knows"))).to_be_visible()
    expect(state.get_by_text("1 silenced alert")).to_be_visible()
    expect(state.get_by_text("1 open alert")).to_be_hidden()
