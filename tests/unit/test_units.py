"""Amounts for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.units import seconds, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1500, "1.5 kB"), (2_340_000, "2.3 MB"),
        (1_000_000_000, "1.00 GB"), (41_234_000_000, "41.23 GB"),
    ],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_larger_size_never_reads_as_smaller(one: int, other: int) -> None:
    scale = {"B": 1, "kB": 1000, "MB": 10**6, "GB": 10**9}

    def read(text: str) -> float:
        number, unit = text.split()
        return float(number) * scale[unit]

    small, large = sorted((one, other))
    assert read(size(small)) <= read(size(large))


@pytest.mark.parametrize(("milliseconds", "text"), [(0, "0.0 s"), (49, "0.0 s"), (1250, "1.2 s"), (61000, "61.0 s")])
def test_durations(milliseconds: int, text: str) -> None:
    assert seconds(milliseconds) == text
