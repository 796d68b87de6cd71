"""Airflow's UI in the system's Chromium, for tests and for the picture in the README."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from local_stack.environment import Stack
from local_stack.errors import StackError

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; raises `StackError` if it is not installed."""
    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if not executable:
        raise StackError("Chromium is missing: install it (on Debian and Ubuntu: apt-get install chromium).")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to sandbox itself as root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


def log_in(page: Page, stack: Stack) -> None:
    """Log in to Airflow's UI as a person does."""
    page.goto(stack.airflow_url)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(stack.secrets.airflow_admin)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Web traffic").wait_for()
