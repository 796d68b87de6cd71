"""Times read together come out as one by one; what they mean is in test_events.py."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from web_traffic.event_times import read, read_all

CLOCKS = st.from_regex(
    r"([01]\d|2[0-5]):[0-6]\d(:[0-6]\d([.,](\d{0,12}|999999\d{1,4}))?)?([Zz]|[+-][0-2]\d(:?[0-6]\d)?)?", fullmatch=True
)
YEARS = st.sampled_from([0, 1, 2, 1676, 1677, 1678, 1699, 1700, 1900, 1969, 2000, 2026, 2028, 2199, 2262, 9998, 9999])
DATES = st.builds("{:04}-{:02}-{:02}".format, YEARS, st.integers(0, 13), st.integers(0, 32))
TEXTS = st.builds("{}{}{}".format, DATES, st.sampled_from("TTTt _"), CLOCKS) | st.text(max_size=30)


@settings(max_examples=1500, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5))
@example(["2026-03-29T12:00:00Z\n", "2026-03-29T12:00:00\0", "2026-03-29T12:00:00Z\0", "2026-03-29T12:00:00"])
@example(["1700-01-01T00:00:00.000000001+23:59", "2199-12-31T23:59:59.999999999-23:59", "2026-03-29T12:00:00.,5"])
def test_a_time_that_is_read_with_others_is_the_one_that_it_is_alone(texts: list[str]) -> None:
    together = read_all(pa.array(texts, pa.string())).to_pylist()
    assert together == [found and read(text) for found, text in zip(together, texts, strict=True)]


@pytest.mark.parametrize(
    "form",
    [
        *("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S.%f+00", "%Y-%m-%dT%H:%M:%S.%f999+00:00", "%Y-%m-%dT%H:%MZ"),
        *("%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S,%f", "%Y-%m-%dt%H:%M:%S,%fz", "%Y-%m-%d %H:%M"),
    ],
)
def test_the_forms_of_real_producers_are_read_together_on_any_day(form: str) -> None:
    days = [datetime(2027, 1, 1, 12, 7, tzinfo=UTC) + timedelta(days=day) for day in range(365)]
    assert read_all(pa.array([f"{day:{form}}" for day in days])).to_pylist() == days
