"""Who may see and change what on the page, and what its routes take as parameters."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

import psycopg
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    bearer_scheme,
    get_user,
    requires_access_dag,
    requires_access_view,
)
from fastapi import Depends, HTTPException, Query, Request
from fastapi.security import HTTPAuthorizationCredentials

from web_traffic.page.lists import Kind, Sort, Wanted
from web_traffic.page.ranges import Range
from web_traffic.page.rejected import Cursor
from web_traffic.page.traffic import Against
from web_traffic.settings import Settings
from web_traffic_airflow.connections import POSTGRES_READER, job_settings, open_database

STATIC = Path(__file__).parent / "static"
METRICS = "/metrics"
LIVE = "web_traffic"
"""The DAG whose editors may see raw records and silence incidents."""


async def let_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]
) -> None:
    """Let in who may see plugins, by Airflow's login; to the metrics also who has the token of `METRICS_TOKEN`.

    Raises `HTTPException` (401 or 403) for others.
    """
    token = os.environ.get("METRICS_TOKEN", "")
    is_scrape = request.scope["path"].endswith(METRICS)
    if is_scrape and token and credentials and compare_digest(credentials.credentials.encode(), token.encode()):
        return
    user = await get_user(request, None, credentials)
    requires_access_view(AccessView.PLUGINS)(request, user)


def settings() -> Settings:
    """Return the settings of the reader role."""
    return job_settings(POSTGRES_READER)


def writer() -> Iterator[psycopg.Connection[Any]]:
    """Open the database as the writer role, which keeps silences, for the length of a request."""
    with open_database() as connection:
        yield connection


def chosen_range(
    preset: Annotated[str, Query(alias="range")] = "6h",
    start: Annotated[datetime | None, Query(alias="from")] = None,
    end: Annotated[datetime | None, Query(alias="to")] = None,
) -> Range:
    """Return the range of the request."""
    return Range.of(preset, start, end, datetime.now(UTC))


def chosen_place(
    before_time: datetime | None = None, before_topic: str = "", before_partition: int = 0, before_offset: int = 0
) -> Cursor | None:
    """Return the rejected event after which the next page begins."""
    return (before_time, before_topic, before_partition, before_offset) if before_time else None


def chosen_list(
    of: Kind,
    search: str = "",
    host: str = "",
    referrer: str | None = None,
    sort: Sort = "hits",
    *,
    no_referrer: bool = False,
    empty_referrer: bool = False,
    reverse: bool = False,
    against: Against = "before",
) -> Wanted:
    """Return the list that a request asks for."""
    return Wanted(of, search.strip(), host, "" if empty_referrer else referrer, no_referrer, sort, reverse, against)


def may_edit(request: Request, user: GetUserDep) -> bool:
    """Whether the person may edit the DAG, and so see raw records, which may hold addresses of visitors."""
    try:
        requires_access_dag("PUT", param_dag_id=LIVE)(request, user)
    except HTTPException:
        return False
    return True


Reader = Annotated[Settings, Depends(settings)]
Writer = Annotated[psycopg.Connection[Any], Depends(writer)]
Within = Annotated[Range, Depends(chosen_range)]
MayEdit = Annotated[bool, Depends(may_edit)]
