"""A person in front of Airflow's UI: a real Chromium, logged in, that must make no error and stay on this host."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from local_stack import Stack
from local_stack.browser import chromium, log_in
from tests.whole_stack import FirstRun

PATIENCE_MS = 60_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def login(browser: Browser, stack: Stack, first_run: FirstRun) -> StorageState:
    """Log in once, and return what the browser keeps of it."""
    with browser.new_context() as context:
        log_in(context.new_page(), stack)
        return context.storage_state()


@pytest.fixture
def context(browser: Browser, stack: Stack, login: StorageState) -> Iterator[BrowserContext]:
    """Return a fresh profile of a person who is logged in."""
    context = browser.new_context(
        base_url=stack.airflow_url, viewport={"width": 1280, "height": 900}, storage_state=login
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, stack: Stack) -> Iterator[Page]:
    """Return an empty page; at the end it is held to no error, and to no request to another host."""
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    assert errors == []
    own = (stack.airflow_url, "data:", "blob:")
    assert [url for url in requests if not url.startswith(own)] == []
