"""Runs the compatibility matrix: `python -m tests.compatibility [--cell "PostgreSQL 13"]`.

Results accumulate in var/compatibility/results.ndjson by cell and version of the code; what is there is not run again,
so a matrix that was stopped goes on where it was. At the end docs/compatibility.md is written.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from traceback import format_exc
from types import ModuleType
from unittest.mock import patch
from uuid import uuid4

from local_stack.postgres import make_warehouse
from tests import iam
from tests.compatibility import journey, looking, places, tour
from tests.compatibility.cells import CELLS, LOGINS, Cell
from tests.compatibility.journey import EXPECTED, REFUSALS, Journey
from tests.compatibility.page import RESULTS, write_page
from tests.compatibility.places import PLACES, Place, Sites
from tests.compatibility.postgres import FOLDER
from tests.compatibility.runtimes import java_home, python_programs, require_warm
from tests.compatibility.servers import Servers
from tests.faults.cell import NotHere
from tests.faults.trial import Trial
from tests.pipeline import Pipeline, own_environment
from tests.results import digest
from tests.warm_spark import warm_session

RIGHT = "right to the row"
LONGEST = 300
"""Characters of a result on the page."""


@dataclass(frozen=True)
class Outcome:
    """What a trial of a cell has come to."""

    cell: str
    result: str
    seconds: float


def main() -> int:
    """Run the cells that are missing; returns 1 if one came to no result."""
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility", description=__doc__)
    parser.add_argument("--cell", help="only cells whose title contains this text, whether they were run or not")
    options = parser.parse_args()
    cells = (*CELLS, *PLACES)
    plan = [cell for cell in cells if (options.cell in cell.title if options.cell else not is_done(cell))]
    if options.cell and not plan:
        parser.error("no title contains this text; there are:\n" + "\n".join(cell.title for cell in cells))
    if not all(isinstance(cell, Place) or cell.is_cold for cell in plan):
        warm_session()
    broken = 0
    with Servers() as servers, Sites() as sites:
        for place, cell in enumerate(plan, 1):
            try:
                outcome = try_place(cell, sites) if isinstance(cell, Place) else try_cell(cell, servers)
            except Exception:  # noqa: BLE001  whatever it was, the other cells can do without it
                print(f"{place}/{len(plan)} BROKEN: {cell.title}\n{format_exc()}", flush=True)
                broken += 1
                continue
            RESULTS.keep(asdict(outcome), code_version(cell))
            print(f"{place}/{len(plan)} {cell.title}: {outcome.result} ({outcome.seconds} s)", flush=True)
    write_page()
    return 1 if broken else 0


def try_cell(cell: Cell, servers: Servers) -> Outcome:
    """Bring what the cell needs, let a pipeline make its journey, and compare."""
    try:
        if not cell.is_cold:
            require_warm(cell)
        java, programs = java_home(cell.java), python_programs(cell.python)
        database, door = servers.database(cell.postgres), servers.broker(cell.broker).doors[LOGINS[cell.login]]
    except NotHere as reason:
        return Outcome(cell.title, f"not tried: {reason}", 0)
    folder, name = FOLDER / "trial", f"compatibility_{uuid4().hex[:8]}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    make_warehouse(database.stack, name)
    servers.broker(cell.broker).admit(door.principal, name)
    environment = own_environment(database.stack, name, folder / "checkpoint")
    environment |= {
        "KAFKA_URL": door.url,
        "KAFKA_CONFIG": json.dumps(door.login),
        "KAFKA_TOPIC_PARTITIONS": "2",
        "JAVA_HOME": str(java),
        "PATH": f"{programs}:{environment['PATH']}",
    }
    identity, jars = (iam.IDENTITY, iam.client_jars()) if cell.login == "IAM" else ({}, [])
    environment |= identity
    secrets = database.stack.secrets
    passwords = {
        "POSTGRES_OWNER_PASSWORD": secrets.postgres_owner,
        "POSTGRES_READER_PASSWORD": secrets.postgres_reader,
    }
    with (
        patch.dict(os.environ, identity),
        database.reached(cell.way, Pipeline(environment, secrets.postgres_owner), folder) as pipeline,
    ):
        try:
            found = Journey(pipeline, programs, cell.is_cold, passwords, jars).make()
        except REFUSALS as refusal:
            said = str(refusal).partition("\nLINE ")[0]  # without the query that PostgreSQL shows
            result = " ".join(said.split()).replace("|", "/")[:LONGEST]
        else:
            result = different(found, EXPECTED | {"PostgreSQL": cell.postgres, "Python": cell.python}) or RIGHT
    return Outcome(cell.title, result, round(time.monotonic() - began, 1))


def try_place(place: Place, sites: Sites) -> Outcome:
    """Let the DAG make its tour at a place."""
    site = sites.site(place)
    shutil.rmtree(FOLDER / "trial", ignore_errors=True)
    began = time.monotonic()
    trial = Trial(
        sites.stack, FOLDER / "trial", seed=1, CHECKPOINT_LOCATION=f"{site.root}/<name>/checkpoint", **site.environment
    )
    try:
        tour.tour(place, site, trial)
    except tour.NotRight as error:
        result = " ".join(str(error).split()).replace("|", "/")[:LONGEST]
    else:
        result = RIGHT
    return Outcome(place.title, result, round(time.monotonic() - began, 1))


def different(found: Mapping[str, object], expected: Mapping[str, object]) -> str:
    """Return what is not as it must be, with what must be; nothing if all is right."""
    return "; ".join(f"{name}: {found[name]}, not {value}" for name, value in expected.items() if found[name] != value)


def is_done(cell: Cell | Place) -> bool:
    version, rows = RESULTS.newest(cell.title)
    return version == code_version(cell) and not rows[-1]["result"].startswith("not tried")


def code_version(cell: Cell | Place) -> str:
    """Return a digest of what a trial is about: the application, and what the trial does with it."""
    return version_with(places, tour) if isinstance(cell, Place) else version_with(journey, looking)


@cache
def version_with(*modules: ModuleType) -> str:
    return digest(Path(str(module.__file__)) for module in modules)


if __name__ == "__main__":
    sys.exit(main())
