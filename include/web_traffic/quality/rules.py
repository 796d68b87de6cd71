"""The rules: what must hold after every run. A rule's query finds its offenders; none is a pass."""

from dataclasses import dataclass
from importlib import resources
from typing import Literal

Dimension = Literal["completeness", "uniqueness", "validity", "freshness", "volume", "consistency"]


@dataclass(frozen=True, slots=True)
class DQRule:
    """One rule, in the words of Airflow's data-quality provider; its query is `sql/<name>.sql`."""

    name: str
    dimension: Dimension
    description: str

    @property
    def sql(self) -> str:
        """The query that returns one row per offender."""
        return (resources.files("web_traffic.quality") / "sql" / f"{self.name}.sql").read_text()


RULES = (
    DQRule("books_close", "completeness", "Every record of the newest run is accounted for"),
    DQRule("no_duplicate_window", "uniqueness", "A window, host and referrer has one row"),
    DQRule("fresh", "freshness", "The newest closed window is less than an hour old"),
)
