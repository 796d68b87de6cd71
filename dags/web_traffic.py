"""# Web traffic

Every five minutes this DAG counts the new events of the Kafka topic, and writes hits per window, host and referrer to
the table `aggregated_web_traffic`. Each run starts Spark once, reads all records that are there, and ends.

| Task | What it does | When it fails |
|---|---|---|
| `prepare` | checks the form, applies migrations, makes the topic | the last line of its log says why |
| `choose` | picks new events or a restatement, or a redrive ahead of it | - |
| `redrive` | sends rejected events back, if the form asks for it | its log says why; a retry sends no event twice |
| `new_offsets` | skips `aggregate` when nothing is new | Kafka does not answer |
| `aggregate` | runs Spark, writes closed windows and the books | its log ends with the cause; a retry is always safe |
| `restate` | counts closed windows again | its log says why it is refused; the table is as it was |
| `check_quality` | applies the rules | its error names the rule, its log the offenders; later runs go on |
| `publish` | asset event `aggregated_web_traffic` with the summary | - |
| `announce_hours` | tells other DAGs which hours are complete | its log says why; the next run makes up for it |
| `announce_days` | the same for days, of UTC | as above |
| `announce_restated_hours` | tells them which complete hours a restatement changed | as above |

**Are these numbers right?** `etl.run` holds the books of each run:
`open_before + read = rejected + future + late + superseded + emitted + open_after`.
`web-traffic recount` counts the topic again and compares it with the table.

**Backfills restate.** A backfill of this DAG, or a run by hand with `restate_from` and `restate_to`, counts the closed
windows of its interval again, late events included, and replaces rows that differ; `etl.restatement` has each change.
Live runs go on meanwhile. See docs/backfills.md.

**What do I do now?** Clear the failed task: running it again never loses events or counts them twice. An error that a
retry can't help is not retried, and its message ends with the way out. If that is `rebuild_checkpoint` or
`accept_data_loss`, trigger the DAG by hand and tick it in the form. The form also sends rejected events back.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, TriggerRule

from web_traffic_airflow.defaults import DAG_DEFAULTS, SPARK_TASK
from web_traffic_airflow.downstream import ASSETS, announcements
from web_traffic_airflow.operators import AggregateOperator
from web_traffic_airflow.params import PARAMS
from web_traffic_airflow.quality import WebTrafficQualityOperator
from web_traffic_airflow.restating import RestateOperator
from web_traffic_airflow.tasks import choose, new_offsets, prepare, publish, redrive

with DAG(
    "web_traffic",
    schedule=CronDataIntervalTimetable("*/5 * * * *", timezone="UTC"),
    max_active_runs=2,  # a live one, and a restatement by hand
    dagrun_timeout=timedelta(hours=2),
    params=PARAMS,
    doc_md=__doc__,
    **DAG_DEFAULTS,
):
    sent_back, work = redrive(), new_offsets()
    aggregate = AggregateOperator(task_id="aggregate", work=work, **SPARK_TASK)
    restate = RestateOperator(task_id="restate", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, **SPARK_TASK)
    check_quality = WebTrafficQualityOperator(
        task_id="check_quality", restated=restate.output, trigger_rule=TriggerRule.NONE_FAILED
    )

    prepare() >> choose() >> [sent_back, work, restate]
    sent_back >> [work, restate]
    published = publish.override(inlets=[*ASSETS])([aggregate.output, restate.output])
    work >> aggregate >> check_quality >> published >> announcements()
