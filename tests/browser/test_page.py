"""The page as a person uses it, in Airflow's own UI."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Page, expect

from local_stack import Stack
from tests.pipeline import Pipeline
from tests.whole_stack import DAG, FirstRun
from web_traffic_airflow.page.app import FILES, app

INSIDE = "/plugin/web-traffic/web-traffic/"
HOSTILE = '<script>window.wasRun = true</script><img src="https://elsewhere.example/x.png">'
SAME = "topic_id = 'browser' AND record_offset = 7"


def frame(page: Page) -> FrameLocator:
    return page.frame_locator('iframe[title="Web traffic"]')


def figure(within: Any, name: str) -> int:
    """Return the figure of the tile of that name."""
    tile = within.locator(".tile", has=within.get_by_text(name, exact=True))
    return int(tile.locator("dd").first.inner_text().replace(",", ""))


def hits(traffic: Pipeline, hours: int) -> int:
    """Return the hits of that many hours, by SQL."""
    since = f"date_bin('5 minutes', now() - interval '{hours} hours', '1970-01-01 00:00Z')"
    [(found,)] = traffic.query(f"SELECT sum(num_hits) FROM aggregated_web_traffic WHERE window_start >= {since}")
    return int(found or 0)


@pytest.fixture
def hostile_event(traffic: Pipeline) -> Iterator[None]:
    """Put an event with markup among the rejected ones, and take it away again."""
    values = f"'browser', 'web_traffic_topic', 0, 7, now(), 'not JSON', convert_to('{HOSTILE}', 'UTF8')"
    columns = "topic_id, topic, partition, record_offset, kafka_timestamp, reason, value"
    with traffic.owner() as connection:
        connection.execute(f"INSERT INTO etl.rejected_event ({columns}) VALUES ({values})")
    yield
    with traffic.owner() as connection:
        connection.execute(f"DELETE FROM etl.rejected_event WHERE {SAME}")


def test_the_navigation_leads_to_the_page_which_shows_the_numbers_of_sql(page: Page, traffic: Pipeline) -> None:
    page.goto("/")
    page.get_by_role("link", name="Web traffic").click()
    expect(frame(page).get_by_role("heading", name="Hits per 5-minute window")).to_be_visible()
    assert figure(frame(page), "Hits") == hits(traffic, 6) > 0
    [(host, most)] = traffic.query(
        "SELECT host, sum(num_hits) FROM aggregated_web_traffic GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    )
    row = frame(page).get_by_role("table", name="Hosts with most hits").get_by_role("row").nth(1)
    expect(row).to_contain_text(host)
    expect(row).to_contain_text(f"{most:,}")
    newest = "SELECT open_after FROM etl.run WHERE open_after IS NOT NULL ORDER BY run_id DESC LIMIT 1"
    [(open_hits,)] = traffic.query(newest)
    assert figure(frame(page), "Open") == open_hits


def test_a_range_is_an_address_that_can_be_shared(page: Page, traffic: Pipeline, context: BrowserContext) -> None:
    page.goto(INSIDE)
    frame(page).get_by_role("link", name="24 hours").click()
    page.wait_for_url(re.compile(r"/plugin/web-traffic/.*range=24h"))
    other = context.new_page()
    other.goto(page.url)
    expect(frame(other).locator("#range a[aria-current]")).to_have_text("24 hours")
    assert figure(frame(other), "Hits") == hits(traffic, 24)


def test_a_search_keeps_to_the_hosts_that_it_names(page: Page) -> None:
    page.goto(INSIDE)
    frame(page).get_by_label("Hosts that contain").fill("harbour")
    frame(page).get_by_role("button", name="Search").press("Enter")
    names = frame(page).get_by_role("table", name="Hosts with most hits").locator("tbody td:first-child")
    expect(frame(page).get_by_text("Hits of hosts with “harbour”")).to_be_visible()
    assert all("harbour" in name for name in names.all_inner_texts())


def test_a_run_shows_its_books_and_leads_to_airflow(page: Page, traffic: Pipeline, first_run: FirstRun) -> None:
    page.goto(f"{INSIDE}?view=pipeline")
    frame(page).get_by_role("link", name=first_run.run_id).first.click()
    books = frame(page).get_by_role("table", name="The books of the run, in events")
    expect(books.get_by_role("row", name="+ read")).to_contain_text("20,000")
    expect(frame(page).get_by_text("The books close")).to_be_visible()
    expect(frame(page).get_by_text("records of the topic")).to_be_visible()
    frame(page).get_by_role("link", name="Open in Airflow").click()
    page.wait_for_url(re.compile(f"/dags/{DAG}/runs/"))


def test_a_task_has_a_link_to_the_page_at_its_run(page: Page, first_run: FirstRun) -> None:
    page.goto(f"/dags/{DAG}/runs/{quote(first_run.run_id)}/tasks/aggregate/details")
    address = page.get_by_role("link", name="Web traffic: this run").get_attribute("href")
    assert address
    page.goto(address)
    expect(frame(page).locator(".run")).to_contain_text(first_run.run_id)


@pytest.mark.usefixtures("hostile_event")
def test_markup_in_an_event_is_shown_as_text_and_never_run(page: Page, stack: Stack) -> None:
    page.goto(f"{INSIDE}?view=rejected")
    event = frame(page).locator(".event", has_text="partition 0, offset 7").first
    event.locator("summary").click()
    expect(event.locator("pre")).to_have_text(HOSTILE)
    assert event.locator("pre *").count() == 0
    assert page.frames[-1].evaluate("window.wasRun") is None
    with page.expect_download() as download:
        frame(page).get_by_role("link", name="Download as NDJSON").click()
    lines = download.value.path().read_text().splitlines()
    assert HOSTILE in [json.loads(line).get("value") for line in lines]


def test_a_tooltip_is_about_the_bar_below_the_cursor(page: Page) -> None:
    page.goto("/web-traffic/?range=1h")
    over = page.locator(".u-over")
    box = over.bounding_box()
    assert box
    width = box["width"] / 13  # an hour that begins within a window has 13
    for share in (0.1, 0.9):
        over.hover(position={"x": width * (3 + share), "y": 50})
        expect(page.locator(".tooltip strong")).to_be_visible()
        named = page.locator(".tooltip strong").inner_text()
        start = page.evaluate("() => fetch('api/traffic?range=1h').then(a => a.json()).then(d => d.buckets[3])")
        assert named == f"{datetime.fromtimestamp(start, UTC):%Y-%m-%d %H:%M} UTC"


def test_a_window_that_is_not_closed_is_no_window_without_hits(page: Page) -> None:
    page.goto("/web-traffic/?range=1h")
    page.get_by_text("The figures as a table").click()
    newest = page.get_by_role("table", name="Hits over time").get_by_role("row").nth(1)
    expect(newest).to_contain_text("not closed yet")
    assert set(newest.get_by_role("cell").all_inner_texts()[1:]) == {"\u2013"}


def test_the_theme_is_that_of_airflow(context: BrowserContext, page: Page) -> None:
    backgrounds = []
    page.goto(INSIDE)
    for theme in ("light", "dark"):
        page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
        page.goto(INSIDE)
        expect(frame(page).locator("html")).to_have_attribute("data-theme", theme)
        backgrounds.append(frame(page).locator("body").evaluate("body => getComputedStyle(body).backgroundColor"))
    assert backgrounds[0] != backgrounds[1]
    page.evaluate("localStorage.setItem('theme', 'light')")  # as Airflow's own switch does
    expect(frame(page).locator("html")).to_have_attribute("data-theme", "light")


@pytest.mark.parametrize("view", ["traffic", "pipeline", "quality", "rejected", "restatements", "alerts"])
def test_a_phone_shows_all_without_scrolling_sideways(page: Page, view: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"/web-traffic/?view={view}")
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_views_are_reached_by_keyboard(page: Page) -> None:
    page.goto("/web-traffic/")
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("view=pipeline"))


@pytest.mark.parametrize(
    ("status", "title"),
    [(503, "The data can't be read now"), (403, "No permission"), (401, "You are not logged in")],
)
def test_what_can_not_be_shown_is_explained(context: BrowserContext, page: Page, status: int, title: str) -> None:
    other = context.new_page()  # not held to no error: the refusal is one
    other.route("**/api/traffic?*", lambda route: route.fulfill(status=status, json={"detail": "it is away"}))
    other.goto("/web-traffic/")
    expect(other.get_by_role("alert")).to_contain_text(title)


def test_a_range_without_hits_says_so(page: Page) -> None:
    page.goto("/web-traffic/?from=2020-01-01T00:00&to=2020-01-01T01:00")
    expect(page.get_by_role("status").filter(has_text="No hits in this range")).to_be_visible()


def test_who_is_not_logged_in_gets_nothing_from_any_route(stack: Stack, first_run: FirstRun) -> None:
    paths = [route.path for route in app.routes if "{" not in route.path]  # type: ignore[attr-defined]
    paths += [f"/static/{name}" for name in FILES]
    assert {"/", "/api/traffic", "/api/rejected.ndjson", "/static/main.js"} <= set(paths)
    answers = {path: httpx.get(f"{stack.airflow_url}/web-traffic{path}").status_code for path in paths}
    assert answers == dict.fromkeys(paths, 401)
    page = httpx.get(f"{stack.airflow_url}/web-traffic/", headers={"Accept": "text/html"})
    assert (page.status_code, "You are not logged in" in page.text) == (401, True)


def test_the_page_may_load_nothing_from_elsewhere(page: Page) -> None:
    answer = page.request.get("/web-traffic/")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
