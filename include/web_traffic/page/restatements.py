"""The view Restatements: the intervals that were counted again, and the rows that changed."""

from typing import Any

from web_traffic.page.asking import Connection, ask
from web_traffic.page.pipeline import runs_called
from web_traffic.page.ranges import Range

LISTED = 100
SHOWN = ("run_id", "name", "status", "dry_run", "windows_changed")


def restatements(connection: Connection, within: Range, name: str = "") -> dict[str, Any]:
    """Return the data of Restatements, with the changes of the run called `name`, or else of the newest with any."""
    runs = ask(connection, "restatements", **within.parameters(), listed=LISTED)
    if name:
        shown = runs_called(connection, name, "restate")
    else:
        shown = [run for run in runs if run["windows_changed"] and not run["dry_run"]]
    return {
        "start": within.start,
        "end": within.end,
        "runs": runs,
        "run": {key: shown[0][key] for key in SHOWN} if shown else None,
        "changes": ask(connection, "restated_rows", run_id=shown[0]["run_id"], listed=LISTED) if shown else [],
    }
