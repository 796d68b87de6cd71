"""A task fails, in each of its ways: one mail arrives, and one when it is green again."""

from local_stack import Stack
from local_stack.rest import AirflowApi
from tests.integration.alerts.observe import Inbox, run, seconds_since, text
from tests.pipeline import Pipeline

MAIL_SECONDS = 30
"""After the end of the run."""


def test_an_error_is_one_mail_however_often_it_comes_and_one_when_it_is_over(
    stack: Stack, api: AirflowApi, inbox: Inbox
) -> None:
    task = run(api, "trouble", how="fail")
    opened = inbox.wait_for(1, MAIL_SECONDS)
    again = run(api, "trouble", how="fail")
    run(api, "trouble")
    recovered = inbox.wait_for(2, MAIL_SECONDS)
    assert inbox.subjects() == ["[error] task work of trouble failed", "[recovered] task work of trouble failed"]
    assert recovered["In-Reply-To"] == opened["Message-ID"]
    body, farewell = text(opened), text(recovered)
    assert "Error:     RuntimeError: it broke: password=***, event {…}\n" in body
    assert f"Run:       trouble/{task['dag_run_id']}\n" in body
    assert "Next step: see the end of the log, then clear the task" in body
    assert f"Log:       {stack.airflow_url}/dags/trouble/runs/" in body
    assert "(2 in all)" in farewell
    assert again["state"] == "failed"
    for secret in ("swordfish", "private.example", stack.secrets.postgres_writer):
        assert secret not in body + farewell
    assert seconds_since(task["end_date"], opened, inbox) < MAIL_SECONDS


def test_an_error_that_says_what_to_do_is_the_next_step(api: AirflowApi, inbox: Inbox) -> None:
    run(api, "trouble", how="needs attention")
    body = text(inbox.wait_for(1, MAIL_SECONDS))
    assert "Error:     turn the key\n" in body
    assert "Next step: the error says what to do; then clear the task\n" in body
    run(api, "trouble")
    inbox.wait_for(2, MAIL_SECONDS)


def test_a_task_that_is_retried_is_a_mail_only_when_its_retries_are_used_up(
    stack: Stack, api: AirflowApi, inbox: Inbox
) -> None:
    task = run(api, "trouble_retried", how="fail")
    opened = inbox.wait_for(1, MAIL_SECONDS)
    run(api, "trouble_retried")
    inbox.wait_for(2, MAIL_SECONDS)
    assert task["try_number"] == 2
    assert inbox.subjects() == [
        "[error] task work of trouble_retried failed",
        "[recovered] task work of trouble_retried failed",
    ]
    assert seconds_since(task["end_date"], opened, inbox) < MAIL_SECONDS


def test_a_task_that_is_killed_is_a_mail_too(stack: Stack, api: AirflowApi, inbox: Inbox) -> None:
    task = run(api, "trouble", how="die")
    opened = inbox.wait_for(1, MAIL_SECONDS)
    run(api, "trouble")
    inbox.wait_for(2, MAIL_SECONDS)
    assert inbox.subjects() == ["[error] task work of trouble failed", "[recovered] task work of trouble failed"]
    assert "Error:     the task's process ended without an error of its own: it was killed" in text(opened)
    assert seconds_since(task["end_date"], opened, inbox) < MAIL_SECONDS


def test_somebody_elses_table_is_checked_and_its_warnings_and_errors_arrive(
    stack: Stack, api: AirflowApi, warehouse: Pipeline, inbox: Inbox
) -> None:
    with warehouse.owner() as connection:
        connection.execute("INSERT INTO public.fruit VALUES ('apple', 'green')")
    task = run(api, "trouble_in_a_table")
    opened = [inbox.wait_for(number, MAIL_SECONDS) for number in (1, 2)]
    with warehouse.owner() as connection:
        connection.execute("UPDATE public.fruit SET color = 'red'")
        connection.execute("INSERT INTO public.fruit VALUES ('banana', 'yellow')")
    run(api, "trouble_in_a_table")
    inbox.wait_for(4, MAIL_SECONDS)
    assert (task["state"], task["try_number"]) == ("failed", 1)
    assert sorted(inbox.subjects()) == [
        "[error] task check of trouble_in_a_table failed",
        "[recovered] fruit: enough warns",
        "[recovered] task check of trouble_in_a_table failed",
        "[warning] fruit: enough warns",
    ]
    assert "enough: 1 of 1 offend (There is fruit: 2 or more)" in text(opened[0])
    assert "Error:     fruit: ripe: 1 of 1 offend (Fruit is ripe: no green fruit)" in text(opened[1])
    assert "apple" not in "".join(text(mail) for mail in inbox.mails())
    kept = warehouse.query(
        "SELECT rule, status, sample FROM etl.quality_result WHERE table_name = 'fruit' ORDER BY result_id"
    )
    assert [row[:2] for row in kept] == [
        ("ripe", "failed"),
        ("enough", "warned"),
        ("ripe", "passed"),
        ("enough", "passed"),
    ]
    assert kept[0][2] == [{"name": "apple"}]
    assert seconds_since(task["end_date"], opened[1], inbox) < MAIL_SECONDS
