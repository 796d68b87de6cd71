"""Faults in restatements and redrives, which a test with services must catch."""

from tests.mutants.mutant import Mutant

DOMAIN = "include/web_traffic"

MUTANTS = (
    Mutant(
        "a restatement that was ended may commit",
        f"{DOMAIN}/restatement/sql/lock_restatement.sql",
        " AND status = 'running'",
        "",
        "integration/test_restate_refusals.py",
        "test_one_that_has_lost_its_lock_and_lives_on_can_not_write",
    ),
    Mutant(
        "redriven records lack the id of the redrive",
        f"{DOMAIN}/redrive/topic.py",
        ", (REDRIVE_ID, str(redrive_id).encode())]",
        "]",
        "integration/test_redrive.py",
        "test_a_record_goes_back_to_its_partition_with_a_new_timestamp_and_says_where_it_comes_from",
    ),
    Mutant(
        "a redrive selects what another one has taken",
        f"{DOMAIN}/redrive/sql/rejected_page.sql",
        "r.redrive_id IS NULL",
        "TRUE",
        "integration/test_redrive.py",
        "test_events_that_went_back_are_not_selected_again",
    ),
    Mutant(
        "a redrive marks what another one has taken",
        f"{DOMAIN}/redrive/sql/mark_rejected_events.sql",
        " AND r.redrive_id IS NULL;",
        ";",
        "integration/test_redrive.py",
        "test_an_event_stays_with_the_redrive_that_took_it_first",
    ),
    Mutant(
        "a fault point is left out",
        f"{DOMAIN}/redrive/protocol.py",
        'fault_point("redrive marked")',
        "pass",
        "integration/test_redrive_faults.py",
        "test_a_redrive_does_not_start_while_another_one_is_at_work",
    ),
    Mutant(
        "open windows of another length are closed as if they had today's",
        f"{DOMAIN}/restatement/sql/window_writers.sql",
        "p.sealed_until < %(restate_to)s",
        "FALSE",
        "integration/test_window_change.py",
        "test_a_length_whose_windows_do_not_begin_where_the_old_ones_end_is_refused_until_they_do",
    ),
    Mutant(
        "a restatement takes away what was counted from lost records",
        f"{DOMAIN}/restatement/reading.py",
        "if lost < end and start < last and first < last:",
        "if lost > end:",
        "integration/test_cut_logs.py",
        "test_a_log_that_was_restored_from_a_copy_is_refused_and_what_was_counted_from_it_stays",
    ),
    Mutant(
        "a restatement replaces the window after its interval",
        f"{DOMAIN}/restatement/sql/find_changes.sql",
        "w.window_start < %(restate_to)s",
        "w.window_start <= %(restate_to)s",
        "integration/test_restate.py",
        "test_forwards_backwards_and_at_once_give_the_same_table",
    ),
    Mutant(
        "a vanished row takes other hosts with it",
        f"{DOMAIN}/restatement/sql/replace_windows.sql",
        "f.change = 'vanished'\n        AND w.window_start = f.window_start AND w.host = f.host",
        "f.change = 'vanished'\n        AND w.window_start = f.window_start",
        "integration/test_restate.py",
        "test_a_row_that_the_events_do_not_have_vanishes_and_one_with_too_many_hits_is_corrected",
    ),
)
