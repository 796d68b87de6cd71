"""The page's routes. Each of them, static files too, is behind Airflow's login and its right to see plugins."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import Body, Depends, FastAPI, HTTPException, Path, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from web_traffic.alerts import store
from web_traffic.alerts.settings import AlertSettings
from web_traffic.alerts.store import LONGEST_HOURS
from web_traffic.page import lists, metrics, overview, pipeline, quality, rejected, restatements, traffic
from web_traffic.page.asking import reading
from web_traffic.page.traffic import Against
from web_traffic_airflow.page.access import (
    LIVE,
    METRICS,
    STATIC,
    MayEdit,
    Reader,
    Within,
    Writer,
    chosen_list,
    chosen_place,
    let_in,
)
from web_traffic_airflow.page.form import add_form, form_for
from web_traffic_airflow.page.refusals import add_refusals

DAGS = [LIVE, "web_traffic_restatement", "web_traffic_retention"]
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

    def __init__(self, content: Any, status_code: int = 200, **named: Any) -> None:
        """Take what `JSONResponse` takes; FastAPI's description needs the default of `status_code`."""
        super().__init__(content, status_code, **named)
        self.headers["ETag"] = f'"{sha256(self.body).hexdigest()}"'


app = FastAPI(
    title="Web traffic",
    default_response_class=Tagged,
    dependencies=[Depends(let_in)],
    openapi_url=None,  # it would be open to all
)


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


@app.get(METRICS)
def show_metrics(reader: Reader) -> Response:
    """Return the state of the pipeline for Prometheus."""
    with reading(reader) as connection:
        return Response(metrics.metrics(connection), media_type="text/plain; version=0.0.4; charset=utf-8")


@app.get("/api/traffic")
def show_traffic(reader: Reader, within: Within, search: str = "", against: Against = "before") -> dict[str, Any]:
    """Return the view Traffic."""
    with reading(reader) as connection:
        return traffic.traffic(connection, within, search.strip(), against)


@app.get("/api/list")
def show_list(
    reader: Reader, within: Within, wanted: Annotated[lists.Wanted, Depends(chosen_list)], page: int = 0
) -> dict[str, Any]:
    """Return a page of a list behind Traffic."""
    with reading(reader) as connection:
        return lists.page(connection, within, wanted, page)


@app.get("/api/list.csv")
def download_list(reader: Reader, within: Within, wanted: Annotated[lists.Wanted, Depends(chosen_list)]) -> Response:
    """Return the whole list as a file."""
    return _file(lists.download(reader, within, wanted), f"{wanted.of}.csv", "text/csv; charset=utf-8")


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
def show_alerts(reader: Reader, within: Within, may_edit: MayEdit) -> dict[str, Any]:
    """Return the view Alerts."""
    with reading(reader) as connection:
        data = quality.alerts(connection, within)
    return {"alerts": [alert | {"form": form_for(alert)} for alert in data["alerts"]], "may_edit": may_edit}


@app.post("/api/alerts/{alert_id}/silence")
def silence(
    writer: Writer,
    user: GetUserDep,
    may_edit: MayEdit,
    alert_id: Annotated[int, Path(ge=1, lt=2**63)],
    reason: Annotated[str, Body(min_length=1, max_length=400)],
    hours: Annotated[int, Body(ge=1, le=LONGEST_HOURS)],
) -> dict[str, datetime]:
    """Silence an open incident, in the name of the person who asks."""
    if not may_edit:
        raise HTTPException(403, f"only those who may edit the DAG {LIVE} may silence incidents")
    until = datetime.now(UTC) + timedelta(hours=hours)
    if store.silence(writer, alert_id, until, user.get_name(), reason) is None:
        raise HTTPException(404, f"no incident {alert_id} is open")
    return {"silenced_until": until}


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
    may_edit: MayEdit,
    reason: str = "",
) -> dict[str, Any]:
    """Return the view Rejected events. Values may be personal: not everybody sees them, and no cache keeps them."""
    response.headers["Cache-Control"] = "no-store"
    with reading(reader) as connection:
        return rejected.rejected(connection, within, reason, before, with_values=may_edit)


@app.get("/api/rejected.ndjson")
def download_rejected(reader: Reader, within: Within, may_edit: MayEdit, reason: str = "") -> Response:
    """Return the rejected events as a file, to those who may edit the DAG."""
    if not may_edit:
        raise HTTPException(403, f"raw records are for those who may edit the DAG {LIVE}")
    return _file(rejected.download(reader, within, reason), "rejected_events.ndjson", "application/x-ndjson")


def _file(lines: Iterator[str], name: str, media_type: str) -> Response:
    first = next(lines, "")  # an error comes before the headers are sent

    def all_lines() -> Iterator[str]:
        yield first
        yield from lines

    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(all_lines(), media_type=media_type, headers=headers)


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


add_form(app)
add_refusals(app)
