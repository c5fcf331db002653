"""Numbers as the page shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.report.format import duration, mebibytes, number, percent, plain, signed, sort_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345678, "12,345,678"),
        (0, "0"),
        (0.0, "0"),
        (0.12345, "0.123"),
        (0.0009996, "0.00100"),
        (0.00123456, "0.00123"),
        (12.345, "12.3"),
        (999.4, "999"),
        (999.6, "1,000"),
        (123456.7, "123,457"),
        (-0.5, "−0.500"),
        (0.0000123, "1.23e−5"),
        (None, "—"),
        (float("nan"), "—"),
        (True, "yes"),
        ("text", "text"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_signed_and_percent():
    assert signed(4) == "+4"
    assert signed(-4) == "−4"
    assert signed(0) == "0"
    assert signed(None) == "—"
    assert percent(1, 3) == "33.3 %"
    assert percent(5, 5) == "100 %"
    assert percent(None, 5) == percent(5, 0) == "—"


def test_plain_keeps_settings_as_written():
    settings = {"rate": 0.001, "seed": 1234, "filters": [64, 128], "off": None, "on": True}
    assert plain(settings) == "rate 0.001, seed 1234, filters 64, 128, off —, on yes"


def test_time_and_memory():
    assert [duration(x) for x in (4.23, 59.96, 185, 7620, None)] == [
        "4.23 s",
        "1 min 00 s",
        "3 min 05 s",
        "2 h 07 min",
        "—",
    ]
    assert [mebibytes(x) for x in (812.5, 3072, None)] == ["812 MiB", "3 GiB", "—"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234", 1234),
        ("−0.5", -0.5),
        ("+1.90", 1.9),
        ("9.10e−7", 9.1e-7),
        ("12 %", 12),
        ("4.2 s", 4.2),
        ("3 min 05 s", 185),
        ("2 h 07 min", 7620),
        ("812 MiB", 812),
        ("1.2 GiB", 1228.8),
        ("851,529 (98.3 %)", 851529),
        ("1.28-fold", 1.28),
        ("—", None),
        ("", None),
        ("chr1", None),
        ("yes", None),
    ],
)
def test_a_text_is_sorted_by_the_number_it_stands_for(text, value):
    assert sort_value(text) == (None if value is None else pytest.approx(value))


@given(st.lists(st.floats(allow_nan=False) | st.integers(-(10**15), 10**15), min_size=2))
def test_texts_of_numbers_sort_as_the_numbers_do(values):
    keys = [sort_value(number(value)) for value in sorted(values)]
    assert keys == sorted(keys)


@given(st.lists(st.floats(0, 1e9), min_size=2))
def test_texts_of_times_and_of_memory_sort_as_they_do(values):
    for written in (duration, mebibytes):
        keys = [sort_value(written(value)) for value in sorted(values)]
        assert keys == sorted(keys)
