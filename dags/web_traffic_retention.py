"""# Web traffic, what is kept

Deletes what is older than you want to keep, once a day: results, runs with their batches, rejected events, quality
results, restatements and incidents, each by its own setting (`KEEP_…` in docs/settings.md). Results are kept for ever
unless you set `KEEP_RESULTS`.

| Task | What it does | When it fails |
|---|---|---|
| `prepare` | applies migrations, makes the topic | the last line of its log says why |
| `prune` | notes what goes, then deletes it, the oldest first | PostgreSQL or Kafka does not answer: see its log |

**What was deleted?** The task's log says it, kind by kind. `etl.pipeline` has the times from which windows and runs
are kept.

**What do I do now?** Clear the failed task: it goes on where it was stopped. Live runs and restatements go on
meanwhile. A restatement of deleted windows is refused. What was deleted comes back only from a backup
(docs/operations.md).
"""

from datetime import timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable

from web_traffic_airflow.defaults import DAG_DEFAULTS
from web_traffic_airflow.tasks import prepare, prune

with DAG(
    "web_traffic_retention",
    schedule=CronDataIntervalTimetable("30 3 * * *", timezone="UTC"),
    max_active_runs=1,
    doc_md=__doc__,
    **DAG_DEFAULTS,
):
    prepare() >> prune.override(execution_timeout=timedelta(hours=1))()
