"""The page's routes. Each of them, static files too, is behind Airflow's login and its right to see plugins."""

import logging
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import psycopg
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from airflow.models.dag import DagModel
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from web_traffic.errors import KafkaUnavailable, NeedsAttention
from web_traffic.page import overview, pipeline, quality, rejected, restatements, traffic
from web_traffic.page.asking import reading
from web_traffic.page.ranges import BadRange, Range
from web_traffic.settings import AlertSettings, Settings
from web_traffic_airflow.connections import POSTGRES_READER, job_settings

log = logging.getLogger(__name__)

DAGS = ["web_traffic", "web_traffic_restatement"]
STATIC = Path(__file__).parent / "static"
FILES = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}


class Tagged(JSONResponse):
    """JSON with an entity tag, so that a browser that has it already is answered by 304."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Take what `JSONResponse` takes."""
        super().__init__(*arguments, **named)
        self.headers["ETag"] = f'"{sha256(self.body).hexdigest()}"'


app = FastAPI(
    title="Web traffic",
    default_response_class=Tagged,
    dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
    openapi_url=None,  # it would be open to all
)


def settings() -> Settings:
    """Return the settings of the reader role."""
    return job_settings(POSTGRES_READER)


def chosen_range(
    preset: Annotated[str, Query(alias="range")] = "6h",
    start: Annotated[datetime | None, Query(alias="from")] = None,
    end: Annotated[datetime | None, Query(alias="to")] = None,
) -> Range:
    """Return the range of the request."""
    return Range.of(preset, start, end, datetime.now(UTC))


def chosen_place(
    before_time: datetime | None = None, before_topic: str = "", before_partition: int = 0, before_offset: int = 0
) -> rejected.Cursor | None:
    """Return the rejected event after which the next page begins."""
    return (before_time, before_topic, before_partition, before_offset) if before_time else None


Reader = Annotated[Settings, Depends(settings)]
Within = Annotated[Range, Depends(chosen_range)]


@app.get("/")
def page() -> Response:
    """Return the page."""
    return FileResponse(STATIC / "index.html")


@app.get("/static/{name:path}")
def static(name: str) -> Response:
    """Return a file of the page."""
    if name not in FILES:
        raise HTTPException(404, "no such file")
    return FileResponse(FILES[name])


@app.get("/api/state")
def show_state(reader: Reader) -> dict[str, Any]:
    """Return the state of the pipeline at this moment, with the project's DAGs that are paused."""
    paused = sorted(DagModel.get_paused_dag_ids(DAGS))
    deadline = AlertSettings.from_environment(os.environ).run_deadline
    with reading(reader) as connection:
        state = overview.overview(connection)
    return state | {"paused": paused, "run_deadline_seconds": deadline / timedelta(seconds=1)}


@app.get("/api/traffic")
def show_traffic(reader: Reader, within: Within, search: str = "") -> dict[str, Any]:
    """Return the view Traffic."""
    with reading(reader) as connection:
        return traffic.traffic(connection, within, search.strip())


@app.get("/api/pipeline")
def show_pipeline(reader: Reader, within: Within, run: str = "", before: int | None = None) -> dict[str, Any]:
    """Return the view Pipeline."""
    with reading(reader) as connection:
        return pipeline.pipeline(connection, within, run, before)


@app.get("/api/lag")
def show_lag(reader: Reader) -> dict[str, Any]:
    """Return the lag at this moment, by the broker."""
    return pipeline.lag(reader)


@app.get("/api/quality")
def show_quality(reader: Reader, within: Within) -> dict[str, Any]:
    """Return the view Quality."""
    with reading(reader) as connection:
        return quality.quality(connection, within)


@app.get("/api/alerts")
def show_alerts(reader: Reader, within: Within) -> dict[str, Any]:
    """Return the view Alerts."""
    with reading(reader) as connection:
        return quality.alerts(connection, within)


@app.get("/api/restatements")
def show_restatements(reader: Reader, within: Within, run: str = "") -> dict[str, Any]:
    """Return the view Restatements."""
    with reading(reader) as connection:
        return restatements.restatements(connection, within, run)


@app.get("/api/rejected")
def show_rejected(
    reader: Reader,
    within: Within,
    before: Annotated[rejected.Cursor | None, Depends(chosen_place)],
    response: Response,
    reason: str = "",
) -> dict[str, Any]:
    """Return the view Rejected events. Its values may be personal, so no cache keeps them."""
    response.headers["Cache-Control"] = "no-store"
    with reading(reader) as connection:
        return rejected.rejected(connection, within, reason, before)


@app.get("/api/rejected.ndjson")
def download_rejected(reader: Reader, within: Within, reason: str = "") -> Response:
    """Return the rejected events as a file."""
    lines = rejected.download(reader, within, reason)
    first = next(lines, "")  # an error comes before the headers are sent

    def all_lines() -> Any:
        yield first
        yield from lines

    headers = {
        "Content-Disposition": 'attachment; filename="rejected_events.ndjson"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(all_lines(), media_type="application/x-ndjson", headers=headers)


@app.middleware("http")
async def add_headers(request: Request, call_next: Any) -> Response:
    """Let the page load nothing from elsewhere or twice, and nobody else frame it."""
    response: Response = await call_next(request)
    tag = response.headers.get("ETag")
    if tag and tag in request.headers.get("If-None-Match", ""):
        response = Response(status_code=304, headers={"ETag": tag})
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@app.exception_handler(StarletteHTTPException)
def explain_refusal(request: Request, error: StarletteHTTPException) -> Response:
    """Answer a person who is not logged in, or may not see plugins, with a page; a script with JSON."""
    if error.status_code in (401, 403) and "text/html" in request.headers.get("accept", ""):
        return FileResponse(STATIC / f"{error.status_code}.html", status_code=error.status_code)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


@app.exception_handler(BadRange)
def explain_range(_: Request, error: BadRange) -> Response:
    """Say what is wrong with the range."""
    return JSONResponse({"detail": str(error)}, 400)


@app.exception_handler(RequestValidationError)
def explain_parameter(_: Request, error: RequestValidationError) -> Response:
    """Say which parameter is not what it should be."""
    flaws = [f"{flaw['loc'][-1]}: {flaw['msg']}" for flaw in error.errors()]
    return JSONResponse({"detail": "; ".join(flaws)}, 400)


@app.exception_handler(psycopg.DataError)
def explain_value(_: Request, error: psycopg.DataError) -> Response:
    """Say that PostgreSQL can't take a value, such as a text with a NUL or a number that is too large."""
    return JSONResponse({"detail": f"a parameter can't be used: {error.diag.message_primary or error}"}, 400)


@app.exception_handler(psycopg.OperationalError)
def explain_database(_: Request, error: psycopg.OperationalError) -> Response:
    """Say that the database is down or slow; details are for the log."""
    log.warning("the page can't read the database: %s", error)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return JSONResponse({"detail": "PostgreSQL took too long: choose a shorter range"}, 503)
    return JSONResponse({"detail": "PostgreSQL does not answer, or refuses the role web_traffic_reader"}, 503)


@app.exception_handler(psycopg.errors.UndefinedTable)
@app.exception_handler(psycopg.errors.InvalidSchemaName)
def explain_schema(_: Request, error: psycopg.Error) -> Response:
    """Say that no run has made the tables yet."""
    log.warning("the page can't read the database: %s", error)
    return JSONResponse({"detail": "The tables are not there yet: a run of the DAG web_traffic makes them"}, 503)


@app.exception_handler(AirflowNotFoundException)
def explain_connection(_: Request, error: AirflowNotFoundException) -> Response:
    """Say which connection of Airflow is missing."""
    return JSONResponse({"detail": f"Airflow lacks a connection that the page needs: {error}"}, 503)


@app.exception_handler(KafkaUnavailable)
@app.exception_handler(NeedsAttention)
def explain_kafka(_: Request, error: Exception) -> Response:
    """Say why the lag is not known, or which setting is wrong."""
    return JSONResponse({"detail": str(error)}, 503)
