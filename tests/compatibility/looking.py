"""What the quality rules and the page say of a pipeline, as JSON: `python looking.py`, with the job's environment.

It runs under the Python of the cell, which has the package and no test code.
"""

import json
import os
import platform
import sys
from dataclasses import replace
from datetime import UTC, datetime

from web_traffic.page import pipeline, quality, rejected, restatements, traffic
from web_traffic.page.asking import reading
from web_traffic.page.ranges import Range
from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import check, keep
from web_traffic.quality.topic import run_scope
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

NIGHT = (datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC))


def main() -> int:
    """Check, look at each view, and print what they show."""
    settings, now = Settings.from_environment(), datetime.now(UTC)
    with connect(settings) as connection:
        scope = run_scope(settings, connection)
        results = check(connection, RULES, scope)
        keep(connection, "aggregated_web_traffic", results, scope)
    reader = replace(
        settings, postgres_user="web_traffic_reader", postgres_password=os.environ["POSTGRES_READER_PASSWORD"]
    )
    night, today = Range.of("", *NIGHT, now), Range.of("1h", None, None, now)
    with reading(reader) as connection:
        found = {
            "PostgreSQL": str(connection.info.server_version // 1_00_00),
            "Python": ".".join(platform.python_version_tuple()[:2]),
            "offending rules": [str(result) for result in results if result.offenders],
            "hits": traffic.traffic(connection, night)["hits"],
            "runs": len(pipeline.pipeline(connection, today)["runs"]),
            "rules": len(quality.quality(connection, today)["rules"]) - len(RULES),
            "alerts": len(quality.alerts(connection, today)["alerts"]),
            "rejected events": len(rejected.rejected(connection, today)["events"]),
            "changed rows": len(restatements.restatements(connection, today)["changes"]),
        }
    sys.stdout.write(json.dumps({**found, "lag": pipeline.lag(reader)["lag"]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
