"""Restatements of a pipeline, for tests: run alone, with a summary or an error."""

import json
import subprocess
from dataclasses import replace
from hashlib import sha256
from typing import Any

from local_stack.spark import APPLICATION
from tests.pipeline import Pipeline

RESTATE = APPLICATION.with_name("restate.py")
Change = tuple[str, str, int | None, int | None, str, str]


def restating(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline with the restating application in the place of the live one."""
    return replace(pipeline, application=RESTATE)


def interval(start: str, end: str) -> dict[str, str]:
    """Return the environment of a restatement from `HH:MM` to `HH:MM` of the night to 29 March 2026."""
    return {"RESTATE_FROM": _at(start), "RESTATE_TO": _at(end)}


def restate(pipeline: Pipeline, start: str, end: str, **environment: str) -> dict[str, Any]:
    """Restate an interval and return the summary."""
    return restating(pipeline).run(**interval(start, end), **environment)


def try_to_restate(pipeline: Pipeline, start: str, end: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return restating(pipeline).submit(**interval(start, end), **environment)


def figures(summary: dict[str, Any]) -> tuple[int, ...]:
    """Return windows checked and changed, hits before and after."""
    return tuple(summary[name] for name in ("windows_checked", "windows_changed", "hits_before", "hits_after"))


def changes(pipeline: Pipeline) -> list[Change]:
    """Return what restatements have changed: window, host, old and new hits, change, reason."""
    rows = pipeline.query(
        "SELECT window_start, host, old_hits, new_hits, change, reason FROM etl.restatement "
        "ORDER BY run_id, window_start, host"
    )
    return [(f"{start:%H:%M}", host, old, new, change, reason) for start, host, old, new, change, reason in rows]


def hits(pipeline: Pipeline) -> dict[str, int]:
    """Return the result table by the time of day of a window, and its host."""
    return {
        f"{start:%H:%M} {host}": number for (start, host, _), number in sorted(pipeline.windows().items(), key=str)
    }


def digest_of_checkpoint(pipeline: Pipeline) -> dict[str, str]:
    """Return the SHA-256 of every file below the checkpoint, by its path."""
    files = (file for file in pipeline.checkpoint.rglob("*") if file.is_file())
    return {str(file.relative_to(pipeline.checkpoint)): sha256(file.read_bytes()).hexdigest() for file in files}


def as_json(shares: list[tuple[str, str, str]]) -> str:
    """Return the other runs that wait, by name and times, as the operator hands them over."""
    return json.dumps([[name, _at(start), _at(end)] for name, start, end in shares])


def _at(time: str) -> str:
    return f"2026-03-{'28' if time > '12' else '29'}T{time}:00+00:00"
