"""The buttons of a task that lead to the page, at the run of the task."""

from typing import Any
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from web_traffic_airflow.naming import run_name


class RunLink(BaseOperatorLink):
    """Leads to the books of a live run."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Web traffic: this run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  Airflow's signature
        """Return the address within Airflow's UI."""
        return _address("pipeline", ti_key)


class RestatementLink(BaseOperatorLink):
    """Leads to what a restatement has changed."""

    @property
    def name(self) -> str:
        """Text of the button."""
        return "Web traffic: what has changed"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  Airflow's signature
        """Return the address within Airflow's UI."""
        return _address("restatements", ti_key)


def _address(view: str, ti_key: Any) -> str:
    name = run_name(ti_key.dag_id, ti_key.run_id)
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    return f"{base}/plugin/web-traffic/web-traffic/?{urlencode({'view': view, 'run': name})}"
