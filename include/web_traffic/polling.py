"""How many records a task takes from Kafka at a time, so that they fit into its memory.

A fetch is bounded as its records were sent, compressed. What they take once they are decompressed is bounded by the
number of records of a poll alone, so that follows their size.
"""

from collections.abc import Mapping

from web_traffic.records import read_records
from web_traffic.settings import Settings

MOST_BYTES = 64 * 2**20
"""What the records of a poll may take: each core holds one poll."""
MOST_RECORDS = 20_000
LARGEST_FETCH = 16 * 2**20
SMALLEST_FETCH = 2**19
FEW_RECORDS = 500
"""A partition with fewer to read is not looked at: the largest that a producer sends by default, 1 MB, fit."""
SAMPLES = 4
RECORDS_OF_A_SAMPLE = 10


def poll_options(settings: Settings, unread: Mapping[str, range]) -> dict[str, str]:
    """Return the options of a Kafka consumer that reads these offsets, by partition; raises `KafkaUnavailable`.

    The size of the records is that of the largest of some samples, so it is likely, not certain. Spark throws away
    what a fetch has brought beyond a poll, so a fetch is as small as its poll.
    """
    records = max(1, min(MOST_RECORDS, MOST_BYTES // _size_of_a_record(settings, unread)))
    fetch = max(SMALLEST_FETCH, LARGEST_FETCH * records // MOST_RECORDS)
    return {"kafka.max.poll.records": str(records), "kafka.max.partition.fetch.bytes": str(fetch)}


def _size_of_a_record(settings: Settings, unread: Mapping[str, range]) -> int:
    """Return the mean size in bytes of the records of a sample, of the sample with the largest ones."""
    many = {partition: offsets for partition, offsets in unread.items() if len(offsets) > FEW_RECORDS}
    largest = 1
    for number in range(SAMPLES):
        sizes: dict[str, list[int]] = {}
        for partition, _, record in read_records(settings, _sample(many, number), committed=False):
            sizes.setdefault(partition, []).append(len(record))
        largest = max(largest, *(sum(found) // len(found) for found in sizes.values()), 1)
    return largest


def _sample(many: Mapping[str, range], number: int) -> dict[str, range]:
    """Return the offsets of one sample: the first of each partition begins it, the last one ends it."""
    begins = {
        partition: offsets.start + (len(offsets) - RECORDS_OF_A_SAMPLE) * number // (SAMPLES - 1)
        for partition, offsets in many.items()
    }
    return {partition: range(begin, begin + RECORDS_OF_A_SAMPLE) for partition, begin in begins.items()}
