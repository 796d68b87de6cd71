"""The rules: what must hold after every run. To add one, write its query in `sql/rules/` and enter it in `RULES`."""

import re
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Literal, get_args

from web_traffic.errors import BadRule
from web_traffic.window_length import WINDOW_MINUTES

Dimension = Literal["completeness", "uniqueness", "validity", "freshness", "volume", "consistency"]
Severity = Literal["warn", "error"]

SHARE = "share"
"""The unit of a part of 1, which people see in percent."""
_QUERIES = resources.files("web_traffic.quality") / "sql" / "rules"


@dataclass(frozen=True, slots=True)
class DQRule:
    """One rule, in the words of Airflow's data-quality provider; a rule that can't work raises `BadRule`.

    Its query returns one row for each thing that it checks, with a boolean column `is_offender` (NULL: can't tell). No
    row means that there was nothing to check; a query that returned only offenders could not tell this from a pass. A
    query that checks one thing may measure it in a numeric column `observed`.

    The query reads its scope from the one row of `scope`: `run_id`, `since` and `until` (the check covers the time
    after the first, up to and including the second, UTC), `window_length`, `rule_limit` (the rule's `limit`) and
    `observed` (a JSON object of facts from outside of the database; see `web_traffic.quality.topic`).
    """

    name: str
    """Lower-case words with underscores between them."""
    dimension: Dimension
    severity: Severity
    """`error` fails the run, `warn` does not."""
    description: str
    condition: str
    """The expectation, in words."""
    limit: float | None = None
    unit: str = "offenders"
    """What `observed` counts; `SHARE` for a part of 1. A rule that measures nothing counts its offenders."""
    file: Traversable | None = None
    """Where the query is; by default `sql/rules/<name>.sql` beside this module."""
    sql: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        file = self.file or _QUERIES / f"{self.name}.sql"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise BadRule(f"rule {self.name!r}: a name has only lower-case letters, digits and underscores")
        for value, allowed in ((self.dimension, get_args(Dimension)), (self.severity, get_args(Severity))):
            if value not in allowed:
                raise BadRule(f"rule {self.name}: {value!r} must be one of {', '.join(allowed)}")
        if not self.description or not self.condition:
            raise BadRule(f"rule {self.name}: give it a description and a condition, for whoever reads its results")
        if not file.is_file():
            raise BadRule(f"rule {self.name}: its query {file} does not exist")
        object.__setattr__(self, "sql", file.read_text().rstrip().removesuffix(";"))
        if reason := _objection(re.sub(r"--.*", "", self.sql), has_limit=self.limit is not None):
            raise BadRule(f"rule {self.name}: its query {file} {reason}")


def _objection(sql: str, *, has_limit: bool) -> str | None:
    if not re.match(r"\s*(SELECT|WITH)\b", sql, re.IGNORECASE):
        return "must be a SELECT"
    if ";" in sql:
        return "must be one statement"
    if not re.search(r"\bis_offender\b", sql):
        return "must return a column is_offender"
    uses_limit = re.search(r"\brule_limit\b", sql) is not None
    if uses_limit != has_limit:
        return (
            "uses rule_limit: give the rule a limit" if uses_limit else "does not use rule_limit: leave the limit out"
        )
    return None


WINDOW_RULES = (
    DQRule("no_duplicate_window", "uniqueness", "error", "A window, host and referrer has one row", "no duplicates"),
    DQRule(
        "window_shape",
        "validity",
        "error",
        f"A window begins at a multiple of {WINDOW_MINUTES} minutes and lasts as long",
        "no others",
    ),
    DQRule("hits_positive", "validity", "error", "A window has at least one hit", "num_hits > 0"),
    DQRule("host_present", "validity", "error", "A window names its host", "no empty host"),
    DQRule(
        "sums_match",
        "consistency",
        "warn",
        "The sums per host and per site that the page shows equal those of the rows",
        "equal; if not, run SELECT etl.rebuild_sums() as the owner",
    ),
)
"""The rules for any set of windows."""

RULES = (
    *WINDOW_RULES,
    DQRule("books_close", "completeness", "error", "Every record of the newest run is accounted for", "books close"),
    DQRule(
        "no_gap",
        "completeness",
        "warn",
        "A window has rows if the topic has many records for it",
        "no window without rows if the topic has 100 records or more for it",
        limit=100,
    ),
    DQRule(
        "fresh",
        "freshness",
        "error",
        "Windows are closed soon after newer events come, in minutes",
        "at most 60 minutes behind the newest event",
        limit=60,
        unit="minutes",
    ),
    DQRule(
        "lag",
        "freshness",
        "warn",
        "Offsets that no batch has read",
        "at most 1,000,000 offsets",
        limit=1_000_000,
        unit="offsets",
    ),
    DQRule(
        "open_transaction",
        "freshness",
        "warn",
        "Records that can't be read, because a producer holds a transaction open",
        "none for more than 60 seconds: end the transaction, or its producer",
        limit=60,
        unit="records",
    ),
    DQRule(
        "rejected_share_warning",
        "validity",
        "warn",
        "Share of records that are no valid event",
        "at most 1 %",
        limit=0.01,
        unit=SHARE,
        file=_QUERIES / "rejected_share.sql",
    ),
    DQRule(
        "rejected_share_error",
        "validity",
        "error",
        "Share of records that are no valid event",
        "at most 20 %",
        limit=0.20,
        unit=SHARE,
        file=_QUERIES / "rejected_share.sql",
    ),
    DQRule(
        "rejected_kept",
        "completeness",
        "warn",
        "Rejected events are kept with their values",
        "all; if not, raise REJECTED_LIMIT or lower KEEP_REJECTED",
        unit="events",
    ),
    DQRule(
        "future_share",
        "validity",
        "warn",
        "Share of events ahead of their Kafka timestamp",
        "at most 1 %",
        limit=0.01,
        unit=SHARE,
    ),
    DQRule(
        "late_share",
        "completeness",
        "warn",
        "Share of events dropped as too late",
        "at most 1 % of the events",
        limit=0.01,
        unit=SHARE,
    ),
    DQRule(
        "hosts_vanished",
        "volume",
        "warn",
        "A host with hits at this time of day has some in the last hour",
        "no host without hits now whose median in this hour of earlier days is 20 hits or more",
        limit=20,
    ),
    DQRule(
        "volume_anomaly",
        "volume",
        "warn",
        "A host has about as many hits in a window as usual at this time of day",
        "within 6 deviations of the median of the week before, or within a floor",
        limit=6,
    ),
    DQRule(
        "table_matches_topic",
        "consistency",
        "error",
        "The rows of a window picked at random equal a recount of its records",
        "no row differs",
    ),
)
"""The rules of `aggregated_web_traffic`."""
