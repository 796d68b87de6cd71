"""Who is told of incidents, and how: the variables of alerts and of the watchdog, read from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from web_traffic.errors import SettingsError
from web_traffic.settings import positive_int

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Who is told of incidents, and how. What can hold a password never shows in its repr."""

    smtp_url: str | None = field(repr=False)
    """`smtp://`, `smtp+starttls://` or `smtps://[user:password@]host:port` (`ALERT_SMTP_URL`)."""
    sender: str
    """From whom mails come (`ALERT_FROM`)."""
    recipients: tuple[str, ...]
    """Who gets them (`ALERT_EMAIL`, with commas between them); nobody for no mails."""
    urls: tuple[str, ...] = field(repr=False)
    """Apprise URLs of other channels (`ALERT_URLS`, with spaces between them)."""
    folder: Path
    """Where incidents are kept while PostgreSQL is down (`ALERT_FOLDER`)."""
    airflow_url: str | None
    """Address of Airflow's API server, which the watchdog asks how it is (`AIRFLOW_URL`)."""
    run_deadline: timedelta
    """How long the pipeline may go without a checked run (`RUN_DEADLINE`, seconds)."""
    digest_weekday: int | None
    """The day on which the digest of a week is mailed, 0 for `monday` (`ALERT_DIGEST`); None for never."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read and check all settings; `SettingsError` names the variable and what it may hold."""
        return cls(
            smtp_url=_smtp_url(environ.get("ALERT_SMTP_URL", "")),
            sender=environ.get("ALERT_FROM") or "web-traffic@localhost",
            recipients=tuple(one.strip() for one in environ.get("ALERT_EMAIL", "").split(",") if one.strip()),
            urls=tuple(environ.get("ALERT_URLS", "").split()),
            folder=Path(environ.get("ALERT_FOLDER", "var/alerts")).absolute(),
            airflow_url=environ.get("AIRFLOW_URL", "").rstrip("/") or None,
            run_deadline=timedelta(seconds=positive_int(environ, "RUN_DEADLINE", 1200)),
            digest_weekday=_weekday(environ, "ALERT_DIGEST"),
        )


def _weekday(environ: Mapping[str, str], name: str) -> int | None:
    value = environ.get(name, "").lower()
    if value and value not in WEEKDAYS:
        raise SettingsError(f"{name}={value!r} must be a day of the week, such as monday, or empty")
    return WEEKDAYS.index(value) if value else None


def _smtp_url(value: str) -> str | None:
    if not value:
        return None
    url = urlsplit(value)
    if url.scheme not in ("smtp", "smtp+starttls", "smtps") or not url.hostname:
        raise SettingsError("ALERT_SMTP_URL must look like smtp://host:port, smtp+starttls://… or smtps://…")
    return value
