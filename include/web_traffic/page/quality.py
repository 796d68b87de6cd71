"""The views Quality and Alerts: the results of the rules, and the incidents."""

from datetime import timedelta
from typing import Any

from web_traffic.page.asking import Connection, ask
from web_traffic.page.ranges import Range

CHECKS = 60
LISTED = 100


def quality(connection: Connection, within: Range) -> dict[str, Any]:
    """Return the data of Quality: the newest result of each rule with its last `CHECKS` outcomes."""
    found = {row["at"]: row for row in ask(connection, "quality_per_bucket", **within.parameters())}
    counts = [found.get(at, {"warned": 0, "failed": 0}) for at in within.buckets()]
    return {
        "start": within.start,
        "end": within.end,
        "bucket_seconds": within.bucket / timedelta(seconds=1),
        "rules": ask(connection, "quality_rules", **within.parameters(), checks=CHECKS),
        "buckets": within.buckets(),
        "warned": [row["warned"] for row in counts],
        "failed": [row["failed"] for row in counts],
    }


def alerts(connection: Connection, within: Range) -> dict[str, Any]:
    """Return the data of Alerts."""
    return {"alerts": ask(connection, "alerts", **within.parameters(), listed=LISTED)}
