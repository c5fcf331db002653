"""Numbers as the page shows them."""

from __future__ import annotations

import pytest

from bpflow.report.format import duration, mebibytes, number, percent, plain, signed


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
