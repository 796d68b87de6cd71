"""The form of a manual run on the page: filled in by a link, and checked before a run exists.

Airflow's own form can't be filled in by a link. The browser triggers the run through Airflow's API, so Airflow decides
who may do it.
"""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import Body, FastAPI

from web_traffic_airflow.params import PARAMS, FormRefused, check_form

FIELDS = [{"name": name, "description": param.description, **param.schema} for name, param in PARAMS.items()]
TICKS = [field["name"] for field in FIELDS if field["type"] == "boolean"]


def form_for(alert: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the entries that an incident asks for, or None: the windows to restate, and the boxes that it names."""
    said = f"{alert['error']} {alert['next_step']}"
    entries: dict[str, Any] = {name: True for name in TICKS if re.search(rf"\b{name}\b", said)}
    if alert["restate_from"]:
        entries |= {name: alert[name].isoformat() for name in ("restate_from", "restate_to")}
    return entries or None


def add_form(app: FastAPI) -> None:
    """Give the application the routes of the form."""

    @app.get("/api/form")
    def show_form() -> dict[str, Any]:
        """Return the fields of the form, as Airflow describes them."""
        return {"fields": FIELDS}

    @app.post("/api/form")
    def check(asked: dict[str, Any] = Body()) -> dict[str, str | None]:  # noqa: B008  FastAPI's way
        """Say why these entries are refused; null if a run may have them."""
        try:
            check_form("manual", asked, PARAMS)
        except FormRefused as refusal:
            return {"refusal": str(refusal)}
        return {"refusal": None}
