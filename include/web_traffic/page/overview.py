"""The state of the pipeline at this moment, which the page shows on top of every view."""

from typing import Any

from web_traffic.page.asking import Connection, ask, closing_state


def overview(connection: Connection) -> dict[str, Any]:
    """Return the newest run and check, what is open, and how many late events came since the newest restatement.

    `newest_run` and `newest_check` are None before the first one, `dry_run` if the newest restatement was none.
    """
    [row] = ask(connection, "overview")
    return closing_state(connection) | row
