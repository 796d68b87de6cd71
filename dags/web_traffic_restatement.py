"""# Web traffic, restated

Restates each day once its late events are in: this DAG counts the day's closed windows again from Kafka, and replaces
rows that differ in one transaction. The live runs of `web_traffic` go on meanwhile.

| Task | What it does | When it fails |
|---|---|---|
| `await_late_events` | checks the form, waits for `ALLOWED_LATENESS` after the day | its log says why |
| `prepare` | applies migrations, makes the topic | the last line of its log says why |
| `restate` | counts the day's windows again | its log says why it is refused; the table is as it was |
| `check_quality` | applies the rules of windows | its error names the rule, its log the offenders |
| `publish` | asset event `aggregated_web_traffic` with the summary | - |

**What has changed?** `etl.restatement` holds each changed row with its old and its new value, `etl.run` the totals.

**What do I do now?** Clear the failed task: a restatement changes all or nothing, and can be repeated. A refusal
(retention, another topic, windows that are not closed) says what it needs. To restate past days, backfill this DAG.
See docs/backfills.md.
"""

from airflow.sdk import DAG, CronDataIntervalTimetable

from web_traffic_airflow.defaults import DAG_DEFAULTS, SPARK_TASK
from web_traffic_airflow.params import RESTATE_PARAMS
from web_traffic_airflow.quality import WebTrafficQualityOperator
from web_traffic_airflow.restating import RestateOperator
from web_traffic_airflow.tasks import await_late_events, prepare, publish

with DAG(
    "web_traffic_restatement",
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    max_active_runs=3,  # one that waits for late events, one that works, and one by hand
    params=RESTATE_PARAMS,
    doc_md=__doc__,
    **DAG_DEFAULTS,
):
    restate = RestateOperator(task_id="restate", **SPARK_TASK)
    check_quality = WebTrafficQualityOperator(task_id="check_quality", restated=restate.output)

    await_late_events() >> prepare() >> restate >> check_quality >> publish([restate.output])
