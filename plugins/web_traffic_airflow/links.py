"""The button of a task that leads to the page, at the run of the task."""

from typing import Any
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf


class PageLink(BaseOperatorLink):
    """Leads to the view Pipeline of the page, at the books of the run."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Web traffic: this run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  Airflow's signature
        """Return the address of the page within Airflow's UI."""
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        query = urlencode({"view": "pipeline", "run": ti_key.run_id})
        return f"{base}/plugin/web-traffic/web-traffic/?{query}"
