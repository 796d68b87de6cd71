"""The page over a pipeline, for tests of what it shows."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.pipeline import Pipeline
from web_traffic.page.asking import reading
from web_traffic.page.ranges import Range
from web_traffic.page.rejected import Cursor, rejected
from web_traffic.page.traffic import traffic
from web_traffic.settings import Settings

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
HOUR = Range(NOON, NOON + 60 * MINUTES, 5 * MINUTES)
INSERT_WINDOW = """
    INSERT INTO aggregated_web_traffic (window_start, window_end, host, referrer, num_hits)
    VALUES (%s, %s, %s, %s, %s)
"""


class Shown:
    """A pipeline of its own, and the page over it."""

    def __init__(self, pipeline: Pipeline, reader: Settings) -> None:
        self.pipeline = pipeline
        self.reader = reader

    def execute(self, statement: str, *rows: tuple[Any, ...]) -> None:
        with self.pipeline.owner() as connection, connection.cursor() as cursor:
            if rows:
                cursor.executemany(statement, rows)
            else:
                cursor.execute(statement)

    def windows(self, *windows: tuple[int, str, str | None, int]) -> None:
        """Enter windows: minutes after noon, host, referrer, hits."""
        at = [(NOON + minute * MINUTES, *rest) for minute, *rest in windows]
        self.execute(INSERT_WINDOW, *((start, start + 5 * MINUTES, *rest) for start, *rest in at))

    def seal(self, until: datetime) -> None:
        self.execute(f"UPDATE etl.pipeline SET sealed_until = '{until.isoformat()}'")

    def traffic(self, within: Range = HOUR, search: str = "") -> dict[str, Any]:
        with reading(self.reader) as connection:
            return traffic(connection, within, search)

    def rejected(self, reason: str = "", before: Cursor | None = None) -> dict[str, Any]:
        with reading(self.reader) as connection:
            return rejected(connection, HOUR, reason, before)
