"""Faults in how log, checkpoint and ledger are compared, which a test with services must catch."""

from tests.mutants.mutant import Mutant

DOMAIN = "include/web_traffic"
SQL = f"{DOMAIN}/warehouse/sql"

MUTANTS = (
    Mutant(
        "a rebuilt checkpoint begins with the newest batch",
        f"{SQL}/rebuild_range.sql",
        "min(cast(s.first_offset AS bigint))",
        "max(cast(s.first_offset AS bigint))",
        "integration/test_guard.py",
        "test_a_rebuilt_checkpoint_counts_an_open_window_from_its_earliest_event",
    ),
    Mutant(
        "an examination sets the checkpoint aside",
        f"{DOMAIN}/guard.py",
        "    if settings.rebuild_checkpoint:\n",
        "    if settings.rebuild_checkpoint:\n        checkpoint.storage.rename(f'{checkpoint.location}.aside')\n",
        "integration/test_guard.py",
        "test_an_examination_changes_nothing_even_if_the_checkpoint_is_to_be_rebuilt",
    ),
    Mutant(
        "windows of another length may begin before the sealed ones end",
        f"{DOMAIN}/rebuild.py",
        "change.begins_at == change.ended_at",
        "change.begins_at <= change.ended_at",
        "integration/test_window_change.py",
        "test_a_length_whose_windows_do_not_begin_where_the_old_ones_end_is_refused_until_they_do",
    ),
    Mutant(
        "a log that is shorter than before is not suspected",
        f"{DOMAIN}/marks.py",
        "_changed(settings, topic, newest) | _behind_the_end(topic, newest)",
        "_changed(settings, topic, newest)",
        "integration/test_marks.py",
        "test_a_record_that_is_missing_or_behind_the_end_is_a_change_unless_it_was_deleted",
    ),
    Mutant(
        "a rejected record stands for its place for ever",
        f"{SQL}/release_places.sql",
        "s.first_offset <= r.record_offset",
        "s.first_offset > r.record_offset",
        "integration/test_cut_logs.py",
        "test_a_log_that_was_restored_from_a_copy_is_refused_and_what_was_counted_from_it_stays",
    ),
    Mutant(
        "a new checkpoint begins at a record that Spark can't read",
        f"{DOMAIN}/unreadable.py",
        "record.offset + 1 for",
        "record.offset for",
        "integration/test_kafka_times.py",
        "test_the_way_out_and_a_restatement_count_all_but_what_spark_can_not_read",
    ),
)
