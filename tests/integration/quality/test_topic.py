"""All rules on a pipeline that has run, and what they find once its table was changed behind them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.pipeline import Pipeline
from web_traffic.quality.rules import RULES
from web_traffic.quality.runner import Result, Scope, check
from web_traffic.quality.topic import run_scope

WINDOW = timedelta(minutes=5)


def statuses(pipeline: Pipeline) -> tuple[Scope, dict[str, Result]]:
    with pipeline.connect() as connection:
        scope = run_scope(pipeline.settings, connection)
        return scope, {result.rule.name: result for result in check(connection, RULES, scope)}


def event(at: datetime, **fields: Any) -> bytes:
    return json.dumps({"host": "a.example", "event_time": at.isoformat(), **fields}).encode()


def test_an_hour_of_traffic_passes_and_a_changed_row_or_a_stale_table_does_not(pipeline: Pipeline) -> None:
    end = datetime.now(UTC)
    pipeline.produce_traffic(5_000, seed=3, start=end - timedelta(hours=1), end=end)
    pipeline.run()
    scope, results = statuses(pipeline)
    nothing = {name for name, result in results.items() if result.status == "nothing to check"}
    assert {name: result.status for name, result in results.items() if name not in nothing} == dict.fromkeys(
        results.keys() - nothing, "passed"
    )
    assert nothing == {"hosts_vanished", "volume_anomaly"}
    recounted = results["table_matches_topic"].checked
    assert recounted == len(scope.observed["recount"]) > 10
    assert sum(scope.observed["records_by_window"].values()) > 4_000

    changed = "UPDATE aggregated_web_traffic SET num_hits = num_hits + 1 WHERE ctid = (SELECT min(ctid) FROM "
    changed += f"aggregated_web_traffic WHERE window_start = '{scope.observed['sampled_window']}')"
    with pipeline.owner() as connection:
        connection.execute(changed)
        connection.execute("UPDATE etl.pipeline SET sealed_until = sealed_until - interval '61 minutes'")
    pipeline.produce(event(end), event(end + timedelta(hours=3)), at=end)  # the other one is from the future
    scope, results = statuses(pipeline)
    assert datetime.fromisoformat(scope.observed["newest_event_at"]) == end
    [row] = results["table_matches_topic"].sample
    assert (row["in_table"], results["table_matches_topic"].status) == (row["in_topic"] + 1, "failed")
    assert results["fresh"].status == "failed"
    assert results["lag"].observed == 2
