"""How long a person wants to keep each kind of data: the variables `KEEP_…`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from web_traffic.errors import SettingsError

FOREVER = "forever"
A_WEEK_AND_MORE = 9
"""Days of windows and runs that quality rules and restatements look back on."""


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long each kind of data is kept, in whole days; None for ever."""

    results: timedelta | None
    """Windows of the result table, with the sums of the page (`KEEP_RESULTS`)."""
    runs: timedelta | None
    """Runs with their books, and the ledger of batches (`KEEP_RUNS`)."""
    rejected: timedelta | None
    """Rejected events whose records Kafka no longer holds (`KEEP_REJECTED`)."""
    restatements: timedelta | None
    """Old and new values of restated rows (`KEEP_RESTATEMENTS`)."""
    quality_results: timedelta | None
    """Results of quality rules (`KEEP_QUALITY_RESULTS`)."""
    alerts: timedelta | None
    """Incidents that are over (`KEEP_ALERTS`)."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read and check all settings; `SettingsError` names the variable and what it may hold."""
        return cls(
            results=_days(environ, "KEEP_RESULTS", FOREVER, A_WEEK_AND_MORE),
            runs=_days(environ, "KEEP_RUNS", "400", A_WEEK_AND_MORE),
            rejected=_days(environ, "KEEP_REJECTED", "90"),
            restatements=_days(environ, "KEEP_RESTATEMENTS", "400"),
            quality_results=_days(environ, "KEEP_QUALITY_RESULTS", "90"),
            alerts=_days(environ, "KEEP_ALERTS", "400"),
        )


def _days(environ: Mapping[str, str], name: str, default: str, least: int = 1) -> timedelta | None:
    value = environ.get(name) or default
    if value == FOREVER:
        return None
    if not value.isdecimal() or int(value) < least:
        raise SettingsError(f"{name}={value!r} must be a whole number of days, at least {least}, or {FOREVER}")
    return timedelta(days=int(value))
