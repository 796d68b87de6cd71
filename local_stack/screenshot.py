"""The picture of the page in the README, taken from the running demo."""

from pathlib import Path

from local_stack.browser import chromium, log_in
from local_stack.environment import REPO, Stack
from local_stack.progress import step

PICTURE = REPO / "docs" / "page.png"
PATIENCE_MS = 60_000


def take(stack: Stack, picture: Path = PICTURE) -> None:
    """Take a picture of the page within Airflow's UI; raises `StackError` if Chromium is missing."""
    with step(f"The picture is in {picture}", "taking a picture of the page"), chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.set_default_timeout(PATIENCE_MS)
        log_in(page, stack)
        page.get_by_role("link", name="Web traffic").click()
        frame = page.frame_locator('iframe[title="Web traffic"]')
        frame.get_by_role("link", name="1 hour").click()
        frame.locator(".plot .u-over").hover(position={"x": 500, "y": 120})
        frame.locator(".tooltip").wait_for()
        page.screenshot(path=picture)
