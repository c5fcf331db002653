from __future__ import annotations

import io
import logging
import sys

import pytest

from bpflow import progress
from bpflow.progress import Meter, track


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_items_are_passed_on(monkeypatch):
    assert list(track(iter("abc"), 3)) == ["a", "b", "c"]
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(track("abc")) == ["a", "b", "c"]


def test_lines_tell_how_far_work_is_and_how_long_it_takes(monkeypatch, caplog):
    seconds = iter([100.0, 110.0, 130.0, 140.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with caplog.at_level(logging.INFO, "bpflow"), Meter(100, "epoch 1", "examples", initial=40) as meter:
        meter.advance(15)
        assert not caplog.text
        meter.advance(15, "profile 3.1")
        meter.advance(15)
    (line,) = caplog.messages
    # 30 of this run in 30 seconds, 30 to go.
    assert line == "epoch 1: 70 examples of 100, 30 s to go, 1 examples/s (profile 3.1)"


def test_a_terminal_gets_a_bar(monkeypatch, caplog):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with caplog.at_level(logging.INFO, "bpflow"), Meter(10, "epoch 1", "examples") as meter:
        meter.advance(5, "counts 0.2")
        meter.bar.refresh()
        shown = sys.stderr.getvalue()
    assert "epoch 1" in shown
    assert "5/10" in shown
    assert "counts 0.2" in shown
    assert not caplog.text


def test_an_error_in_the_work_is_passed_on():
    with pytest.raises(ZeroDivisionError), Meter(3) as meter:
        meter.advance(1 // 0)
