"""The mutants whose tests need no services; the last of them need Spark."""

from tests.mutants.mutant import Mutant

DOMAIN = "include/web_traffic"

MUTANTS = (
    Mutant(
        "rejected and future are swapped",
        f"{DOMAIN}/precount.py",
        "tally(len(reasons) - future, future)",
        "tally(future, len(reasons) - future)",
        "unit/web_traffic/test_events.py",
        "test_an_event_ahead_of_its_limit_is_future_and_one_at_the_limit_is_not",
    ),
    Mutant(
        "a batch accepts the record after its last one",
        f"{DOMAIN}/restatement/lateness.py",
        "offsets < ends[place]",
        "offsets <= ends[place]",
        "unit/web_traffic/restatement/test_lateness.py",
        "test_an_event_that_the_live_run_has_accepted_counts_however_late",
    ),
    Mutant(
        "the gate overlooks offsets that went back",
        f"{DOMAIN}/gate.py",
        "batch.end_offsets != end_offsets",
        "lag > 0",
        "unit/web_traffic/test_gate.py",
        "test_offsets_that_went_back_run_spark_so_that_it_can_refuse",
    ),
    Mutant(
        "the password shows in the settings",
        f"{DOMAIN}/settings.py",
        "postgres_password: str = field(repr=False)",
        "postgres_password: str",
        "unit/web_traffic/test_settings.py",
        "test_the_password_is_in_no_representation",
    ),
    Mutant(
        "the generator takes the window of the arrival",
        "simulator/generator.py",
        "window_start = second - second % WINDOW_SECONDS",
        "window_start = arrival // 1000 // WINDOW_SECONDS * WINDOW_SECONDS",
        "unit/simulator/test_simulator.py",
        "test_what_an_event_says_of_itself_is_what_independent_rules_find",
    ),
    Mutant(
        "the recount calls an event at the limit future",
        f"{DOMAIN}/recount/rules.py",
        "hit.event_us > accepted_until_us",
        "hit.event_us >= accepted_until_us",
        "unit/web_traffic/recount/test_rules.py",
        "test_both_readings_of_the_contract_agree_on_the_last_moment_that_is_not_from_the_future",
    ),
    Mutant(
        "the recount accepts an event whose window was just emitted",
        f"{DOMAIN}/recount/counting.py",
        "window.start_us + window_us <= emitted_until_us",
        "window.start_us + window_us < emitted_until_us",
        "unit/web_traffic/recount/test_counting.py",
        "test_an_event_is_late_when_the_batch_before_has_emitted_its_window",
    ),
    Mutant(
        "tasks are retried whatever the cause",
        "dags/web_traffic.py",
        '        "retry_policy": BY_CAUSE,\n',
        "",
        "dags/test_web_traffic.py",
        "test_every_task_ends_in_time_and_is_retried_by_cause",
    ),
    Mutant(
        "quality is not checked when Spark was skipped",
        "dags/web_traffic.py",
        "TriggerRule.NONE_FAILED",
        "TriggerRule.ALL_SUCCESS",
        "dags/test_web_traffic.py",
        "test_tasks_follow_one_another_and_quality_is_checked_also_when_spark_was_skipped",
    ),
    Mutant(
        "data loss is accepted by default",
        "plugins/web_traffic_airflow/params.py",
        '"accept_data_loss": Param(\n        False,',
        '"accept_data_loss": Param(\n        True,',
        "dags/test_web_traffic.py",
        "test_what_a_person_may_ask_of_one_run_is_off_by_default_and_explained",
    ),
    Mutant(
        "the watermark waits for two minutes",
        f"{DOMAIN}/windows.py",
        "WATERMARK = timedelta(minutes=1)",
        "WATERMARK = timedelta(minutes=2)",
        "unit/web_traffic/test_windows.py",
        "test_a_window_comes_out_when_the_watermark_has_reached_its_end",
    ),
)
