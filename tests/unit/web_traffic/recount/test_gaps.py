"""What the recount finds in the ledger alone: missing batches, records between batches, accepted gaps."""

from collections import Counter

from tests.recounting import compare, expect
from web_traffic.recount.counting import Batch, Tally
from web_traffic.recount.expecting import Expected
from web_traffic.recount.gaps import accepted, missing, without_lost
from web_traffic.recount.rules import Window

WINDOW_US = 300_000_000
TOPIC = "the topic"


def batch(number: int, start: int, end: int, query: str = "q", **others: object) -> Batch:
    return Batch(query, number, {0: start}, {0: end}, None, 0, WINDOW_US, run_id=number + 1, topic_id=TOPIC, **others)  # type: ignore[arg-type]


def said(*batches: Batch) -> list[str]:
    return list(missing(list(batches), TOPIC))


def test_batches_that_follow_one_another_are_whole() -> None:
    assert said(batch(0, 5, 10), batch(1, 10, 10), batch(2, 10, 30)) == []


def test_batches_that_the_ledger_lacks_are_named_with_the_records_that_none_has_read() -> None:
    assert said(batch(2, 0, 10), batch(4, 20, 30))[1:] == [
        "batch 4 of query q follows batch 2 in the ledger: batches are missing, so the database was restored from "
        "a copy",
        "batch 4 of query q starts at offset 20 of partition 0, but batch 2 ended at 10: no batch in the ledger has "
        "read the 10 records between",
    ]


def test_the_first_batches_of_a_query_are_missed_too() -> None:
    [line] = said(batch(2, 0, 10))
    assert line.startswith("batch 2 of query q is the first in the ledger: ")


def test_a_new_checkpoint_may_begin_before_the_end_of_the_last_one_but_not_after_it() -> None:
    assert said(batch(0, 0, 10), batch(0, 5, 20, query="r")) == []
    [line] = said(batch(0, 0, 10), batch(0, 15, 20, query="r"))
    assert "starts at offset 15 of partition 0, but the batches before ended at 10: no batch in the ledger" in line


def test_records_in_an_accepted_gap_are_not_missed() -> None:
    gap = {0: (8, 15)}
    assert said(batch(0, 0, 10), batch(0, 15, 20, query="r", gap=gap)) == []
    assert list(accepted([batch(0, 15, 20, gap=gap)])) == [
        "run 1 was told to go on without offsets 8 to 15 of partition 0"
    ]


def test_a_new_partition_is_read_from_its_first_record() -> None:
    later = Batch("q", 1, {0: 10, 1: 0}, {0: 10, 1: 4}, None, 0, WINDOW_US, topic_id=TOPIC)
    assert said(batch(0, 0, 10), later) == []


def test_what_was_read_in_a_gap_that_was_accepted_later_is_lost() -> None:
    before, after = without_lost([batch(0, 0, 10), batch(0, 8, 20, query="r", gap={0: (8, 12)})], TOPIC, {0: 0})
    assert (before.lost, list(before.ranges())) == ({0: (8, 10)}, [(0, 0, 8)])
    assert (after.lost, list(after.ranges())) == ({}, [(0, 8, 20)])


def test_a_batch_has_not_read_what_was_gone_before_it() -> None:
    [resumed] = without_lost([batch(1, 10, 20, gap={0: (10, 16)})], TOPIC, {0: 16})
    assert (resumed.lost, list(resumed.ranges())) == ({}, [(0, 16, 20)])


def test_a_batch_can_lose_records_on_both_sides() -> None:
    both = batch(0, 10, 30, never_there={0: (10, 12)}, lost={0: (25, 40)})
    assert list(both.ranges()) == [(0, 12, 25)]


def test_nothing_of_another_topic_can_be_read_again() -> None:
    [old] = without_lost([batch(0, 3, 10)], "a topic made anew", {0: 0})
    assert list(old.ranges()) == []


def test_windows_with_hits_of_lost_records_are_left_out_and_others_are_not() -> None:
    lost = Batch(
        "q", 0, {0: 0}, {0: 10}, WINDOW_US, 0, WINDOW_US, read=10, topic_id="another topic", lost={0: (0, 10)}
    )
    expected = expect([lost], [Tally(WINDOW_US)])
    assert expected.disagreements == []
    early, late = Window(0, "a", None), Window(WINDOW_US, "a", None)
    outcome = compare(expected, Counter({early: 3}), sealed_until_us=WINDOW_US)
    assert (outcome.is_right, outcome.left_out.count) == (True, 1)
    assert "LEFT OUT: 1 windows have hits of records that Kafka no longer holds" in str(outcome)
    assert not compare(expected, Counter({late: 3}), sealed_until_us=WINDOW_US).is_right
    fewer = Expected(windows=Counter({early: 3}), unsure_until_us=WINDOW_US)
    assert not compare(fewer, Counter({early: 2}), sealed_until_us=None).is_right
