"""What the page answers when it can't answer: each refusal has a status and a sentence."""

import logging

import psycopg
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from web_traffic.errors import KafkaUnavailable, NeedsAttention
from web_traffic.page.ranges import BadRange
from web_traffic_airflow.page.access import STATIC

log = logging.getLogger(__name__)


def explain_refusal(request: Request, error: StarletteHTTPException) -> Response:
    """Answer a person who is not logged in, or may not see plugins, with a page; a script with JSON."""
    if error.status_code in (401, 403) and "text/html" in request.headers.get("accept", ""):
        return FileResponse(STATIC / f"{error.status_code}.html", status_code=error.status_code)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def explain_range(_: Request, error: BadRange) -> Response:
    """Say what is wrong with the range."""
    return JSONResponse({"detail": str(error)}, 400)


def explain_parameter(_: Request, error: RequestValidationError) -> Response:
    """Say which parameter is not what it should be."""
    flaws = [f"{flaw['loc'][-1]}: {flaw['msg']}" for flaw in error.errors()]
    return JSONResponse({"detail": "; ".join(flaws)}, 400)


def explain_value(_: Request, error: psycopg.DataError) -> Response:
    """Say that PostgreSQL can't take a value, such as a text with a NUL or a number that is too large."""
    return JSONResponse({"detail": f"a parameter can't be used: {error.diag.message_primary or error}"}, 400)


def explain_database(_: Request, error: psycopg.OperationalError) -> Response:
    """Say that the database is down or slow; details are for the log."""
    log.warning("the page can't read the database: %s", error)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return JSONResponse({"detail": "PostgreSQL took too long: choose a shorter range"}, 503)
    return JSONResponse({"detail": "PostgreSQL does not answer, or refuses the role web_traffic_reader"}, 503)


def explain_schema(_: Request, error: psycopg.Error) -> Response:
    """Say that no run has made the tables yet."""
    log.warning("the page can't read the database: %s", error)
    return JSONResponse(
        {"detail": "The tables are not there, or not up to date: the next run of the DAG web_traffic makes them"}, 503
    )


def explain_connection(_: Request, error: AirflowNotFoundException) -> Response:
    """Say which connection of Airflow is missing."""
    return JSONResponse({"detail": f"Airflow lacks a connection that the page needs: {error}"}, 503)


def explain_kafka(_: Request, error: Exception) -> Response:
    """Say why the lag is not known, or which setting is wrong."""
    return JSONResponse({"detail": str(error)}, 503)


REFUSALS = {
    StarletteHTTPException: explain_refusal,
    BadRange: explain_range,
    RequestValidationError: explain_parameter,
    psycopg.DataError: explain_value,
    psycopg.OperationalError: explain_database,
    psycopg.errors.UndefinedTable: explain_schema,
    psycopg.errors.UndefinedColumn: explain_schema,
    psycopg.errors.InvalidSchemaName: explain_schema,
    AirflowNotFoundException: explain_connection,
    KafkaUnavailable: explain_kafka,
    NeedsAttention: explain_kafka,
}


def add_refusals(app: FastAPI) -> None:
    """Let the application answer each of these errors with its sentence."""
    for error, explain in REFUSALS.items():
        app.add_exception_handler(error, explain)  # type: ignore[arg-type]
